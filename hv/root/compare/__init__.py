"""From pairs to what is said about them: running them side by side, words, files, pictures, a page.

Everything here is a function of the ``Comparison`` alone; nothing prints.
"""
