"""Data sets: MovieLens layouts, what Marquee exports, and what is shipped with it.

``load_ratings`` and ``load_items`` take a folder (or one file of ratings in it) of any layout that
``detect_layout`` knows; ``resolve("shipped")`` gives the folder of the shipped data. Posters, clips and
MMTF-14K have modules of their own: ``posters``, ``clips``, ``mmtf``. ``described`` tells what a folder holds.
"""

from trainer.data.catalogue import load_items
from trainer.data.columns import FALLBACK_TIME_MS, Ratings
from trainer.data.layouts import Layout, detect_layout, items_file, ratings_file
from trainer.data.ratings import all_ratings, load_ratings
from trainer.data.shipped import SHIPPED, open_shipped, poster_frames, resolve

__all__ = [
    "FALLBACK_TIME_MS",
    "SHIPPED",
    "Layout",
    "Ratings",
    "all_ratings",
    "detect_layout",
    "items_file",
    "load_items",
    "load_ratings",
    "open_shipped",
    "poster_frames",
    "ratings_file",
    "resolve",
]
