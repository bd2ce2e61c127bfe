# Write the C file that holds the rule files:
#   cmake -DOUT=embedded_rules.c "-DFILES=a.rules|b.json" -P embed_rules.cmake
# Arrays of bytes, because a string literal of that length is beyond what C promises.
string(REPLACE "|" ";" FILES "${FILES}")
set(texts "")
set(rows "")
set(n 0)
foreach(file IN LISTS FILES)
  file(READ "${file}" hex HEX)
  file(SIZE "${file}" n_bytes)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)"
                       "\\1\n" bytes "${bytes}")
  get_filename_component(name "${file}" NAME)
  string(APPEND texts "static const unsigned char text_${n}[] = {\n${bytes}0x00};\n")
  string(APPEND rows "    {\"${name}\", (const char *)text_${n}, ${n_bytes}},\n")
  math(EXPR n "${n} + 1")
endforeach()
if(n EQUAL 0)
  set(rows "    {0},\n") # C has no empty arrays
endif()
file(WRITE "${OUT}" "#include \"base/embedded.h\"\n\n${texts}
const embedded_file embedded_rules[] = {\n${rows}};\nconst size_t n_embedded_rules = ${n};\n")
