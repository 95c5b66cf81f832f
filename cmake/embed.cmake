# Writes files as C arrays: -DOUT=x.c -DFILES=symbol=path,symbol=path
string(REPLACE "," ";" FILES "${FILES}")
set(text "#include \"sync/embedded.h\"\n")
foreach(pair ${FILES})
    string(REPLACE "=" ";" pair "${pair}")
    list(GET pair 0 symbol)
    list(GET pair 1 path)
    file(READ "${path}" hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND text "const uint8_t ${symbol}[] = {${bytes}};\n"
                       "const size_t ${symbol}_size = sizeof ${symbol};\n")
endforeach()
file(WRITE "${OUT}" "${text}")
