"""Tables that are made from the files of the Unicode character database."""
