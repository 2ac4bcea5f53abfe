"""Marquee's topics: what they must be, and making and checking them."""

from streaming.topics.table import Topic, TopicNames, fixed_topics, space_topics

__all__ = ["Topic", "TopicNames", "fixed_topics", "space_topics"]
