"""The state of a persistent connection, read without a query to the server."""

import pytest
from django.db import DatabaseError, connection, connections

pytestmark = pytest.mark.django_db(transaction=True)


def end_from_the_other_side() -> None:
    """Have the server hang up, as one that is started again does."""
    pid = connection.connection.info.backend_pid
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


def test_a_connection_that_stands_is_usable_and_the_server_is_not_asked(django_assert_num_queries):
    connection.ensure_connection()
    with django_assert_num_queries(0):
        assert connection.is_usable()


def test_one_that_the_server_ended_is_not_and_the_next_request_gets_another():
    connection.ensure_connection()
    end_from_the_other_side()
    assert not connection.is_usable()
    connection.close_if_unusable_or_obsolete()
    setattr(connection, "health_check_done", False)  # noqa: B010 - no part of what the types promise
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_one_whose_transaction_failed_is_not():
    connection.set_autocommit(False)
    try:
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT FROM nowhere")
        assert not connection.is_usable()
    finally:
        connection.rollback()
        connection.set_autocommit(True)
    assert connection.is_usable()
