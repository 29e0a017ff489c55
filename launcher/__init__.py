"""What `./run`, `./test` and `./manage` do: installing, Postgres and Valkey from their packages, supervision."""
