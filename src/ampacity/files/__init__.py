"""Files that stations fetch and bring: firmware images, logs, diagnostics. On disk, at addresses that nobody
guesses, for a time.
"""
