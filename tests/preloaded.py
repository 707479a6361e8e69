"""
What processes of ours would load when they first judge a message: done once, in the one that they are forked from
(`tests/commands.py`). It takes most of a second.
"""

from mailconsent.classify import preload

preload()
