"""`doctor`: the chain from the API server to the events, link by link, up to the first that is broken.

Each file judges one group of links: a pure function from facts to findings. `reading` reads the facts, `walk`
keeps the order and stops at the first break, `table` shows it.
"""
