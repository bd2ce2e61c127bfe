# `retensor check` on each small rule file here says what the .out beside it says: stdout,
# stderr and the exit code; the same for --json where there is a .json.
#
#     cmake -DPROGRAM=build/retensor -P tests/audit/run.cmake      compares
#     cmake -DPROGRAM=... -DWRITE=1 -P tests/audit/run.cmake       writes them anew
cmake_minimum_required(VERSION 3.20)
get_filename_component(here "${CMAKE_CURRENT_LIST_DIR}" ABSOLUTE)
file(GLOB inputs RELATIVE "${here}" "${here}/*.rules")
list(LENGTH inputs n)
if(n EQUAL 0)
  message(FATAL_ERROR "no rule file in ${here}")
endif()

function(compare golden)
  execute_process(COMMAND "${PROGRAM}" check ${ARGN} WORKING_DIRECTORY "${here}"
                  OUTPUT_VARIABLE out ERROR_VARIABLE err RESULT_VARIABLE code)
  set(have "${out}${err}exit ${code}\n")
  if(WRITE)
    file(WRITE "${here}/${golden}" "${have}")
    return()
  endif()
  file(READ "${here}/${golden}" want)
  if(NOT have STREQUAL want)
    message(SEND_ERROR "check ${ARGN} is not as in ${golden}:\n${have}")
  endif()
endfunction()

foreach(input IN LISTS inputs)
  get_filename_component(name "${input}" NAME_WE)
  set(more --verbose)
  if(name STREQUAL "lints")
    set(more --strict)
  endif()
  compare(${name}.out ${more} "${input}")
  if(EXISTS "${here}/${name}.json")
    compare(${name}.json --json "${input}")
  endif()
endforeach()
