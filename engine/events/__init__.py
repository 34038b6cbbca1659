"""The frozen dataclasses that cross every border, and the commands that go back.

Events travel from a training process over a pipe to the session and on to the window or the terminal; they are
pickled between processes of one program, never read from a file. Arrays in them are copies: nobody else holds them.
"""
