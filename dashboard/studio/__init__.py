"""Studio: files of a person's own become a record that all pages show."""
