"""The page of the file server: for people who would rather look than read.

Templates and what browsers load beside them lie in ``templates`` and ``static``. Nothing here is
imported before a browser asks for something.
"""
