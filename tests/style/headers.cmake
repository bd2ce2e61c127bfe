# Every header compiles on its own:
#   cmake -DCC=cc -DTOP=dir "-DFLAGS=-I..." -P headers.cmake
file(GLOB_RECURSE headers "${TOP}/engine/*.h")
separate_arguments(flags UNIX_COMMAND "${FLAGS}")
set(n_bad 0)
foreach(header IN LISTS headers)
  execute_process(COMMAND "${CC}" -std=c11 -fsyntax-only -Wall -Wextra -Wpedantic -Werror
                          -Wno-unused-function ${flags} -x c "${header}"
                  RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    math(EXPR n_bad "${n_bad} + 1")
  endif()
endforeach()
if(n_bad GREATER 0)
  message(FATAL_ERROR "${n_bad} headers do not compile on their own")
endif()
