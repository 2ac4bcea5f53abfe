"""Apache Kafka on this machine: jars by Maven, one JVM a node."""

from deploy.stack.kafka.broker import KafkaBroker, KafkaCluster
from deploy.stack.kafka.security import Secured, make_secured

__all__ = ["KafkaBroker", "KafkaCluster", "Secured", "make_secured"]
