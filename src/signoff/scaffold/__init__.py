"""Scaffold owns writing a new project from a decision record.

What is written is put together from parts: files, and lines in files, that belong to one pattern
each. A record that chose other patterns gets other parts, and there is no template per record.
"""

from signoff.scaffold._names import Names, names_of
from signoff.scaffold._parts import parts_of
from signoff.scaffold._project import Project, project_of
from signoff.scaffold._write import write_project

__all__ = ["Names", "Project", "names_of", "parts_of", "project_of", "write_project"]
