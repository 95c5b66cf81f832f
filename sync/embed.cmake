# Writes one file as a C array: cmake -DOUT=x.c -DSYMBOL=name -DFILE=path -P embed.cmake
file(READ "${FILE}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE "${OUT}" "#include \"sync/embedded.h\"\n"
     "const uint8_t ${SYMBOL}[] = {\n${bytes}\n};\nconst size_t ${SYMBOL}_size = sizeof ${SYMBOL};\n")
