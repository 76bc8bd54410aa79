# Plain comments become Doxygen's: `///` before a declaration, `///<` behind one, and the first line describes the file.
# What Doxygen would take for a command or for HTML in a comment is escaped first.
/\/\//{
  h
  s,^(.*//).*,\1,
  x
  s,^.*//,,
  s,[\\@<>&#],\\&,g
  x
  G
  s,\n,,
}
1s,^// (.*),/// \\file\n/// \1\n,
s,^( *)// ,\1/// ,
s,([;{}\,)]) +// ,\1  ///< ,
