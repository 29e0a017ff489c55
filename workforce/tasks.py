from celery import shared_task

from workforce import actions
from workforce.drafts.actions import forget_drafts as forget_old_drafts
from workforce.links.actions import forget_networks as forget_networks_of_old_leases
from workforce.votes.actions import take_in_recovered as take_in_recovered_of_all_kinds


@shared_task(ignore_result=True)
def expire_leases() -> None:
    actions.expire_leases()


@shared_task(ignore_result=True)
def take_in_recovered() -> None:
    take_in_recovered_of_all_kinds()


@shared_task(ignore_result=True)
def forget_networks() -> None:
    forget_networks_of_old_leases()


@shared_task(ignore_result=True)
def forget_drafts() -> None:
    forget_old_drafts()
