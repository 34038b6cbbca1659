"""Events and commands: the frozen dataclasses exchanged between training processes, session and user interface.

Events travel from a training process over a pipe to the session and on to the window or the terminal; they are
pickled between processes of one program and never read from files. Arrays in them are copies, shared with nobody.
"""
