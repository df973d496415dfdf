"""The rules: a folder for each topic, a file for each rule. `registry` finds them; nothing lists them by hand."""
