"""What every room needs of Kafka: client options, reading to the end, transactions, owners of a group."""
