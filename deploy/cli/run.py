"""``marquee run``: one process in the foreground, as the stack's supervisor or Kubernetes starts it."""

from __future__ import annotations

import click

from streaming.settings import load_settings

INSTANCE = click.option(
    "--instance",
    default="0",
    show_default=True,
    help="name of this instance: its transactional id and state directory",
)
ACCEPT_LOSS = click.option(
    "--accept-loss",
    is_flag=True,
    help="go on without records that are gone unread (`marquee stack status` names the partitions)",
)


@click.group()
def command() -> None:
    """Run one process in the foreground until SIGTERM.

    \b
    Examples:
      marquee run ledger
      marquee run space item-encoder-1-mean-a1b2c3 --instance 1
      marquee run gateway
    """


@command.command()
@INSTANCE
@ACCEPT_LOSS
def ledger(instance: str, accept_loss: bool) -> None:
    """Fold ratings into user documents.

    \b
    Example:
      marquee run ledger
    """
    from streaming.ledger.process import run_ledger

    run_ledger(load_settings(), instance, accept_loss)


@command.command()
@click.argument("space")
@INSTANCE
@ACCEPT_LOSS
def space(space: str, instance: str, accept_loss: bool) -> None:
    """Index items and project users of one SPACE.

    \b
    Examples:
      marquee run space item-encoder-1-mean-a1b2c3 --instance 1
      marquee run space item-encoder-1-mean-a1b2c3 --accept-loss
    """
    from streaming.space.process import run_space

    run_space(load_settings(), space, instance, accept_loss)


@command.command()
@INSTANCE
def gateway(instance: str) -> None:
    """Answer lookups and take ratings and films over HTTP.

    \b
    Example:
      marquee run gateway
    """
    from deploy.packages import voucher
    from streaming.gateway.process import run_gateway

    settings = load_settings()
    run_gateway(settings, instance, voucher(settings))
