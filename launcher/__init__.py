"""The code of `./run`, `./test` and `./manage`: installing, Postgres and Valkey from their packages, supervision."""
