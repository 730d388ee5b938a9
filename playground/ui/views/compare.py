"""Being built."""

from playground.ui.components.bound import Bound
from playground.ui.page import Page
from playground.ui.services import Services


def build(services: Services, bound: Bound) -> None:
    return None


def wire(page: Page) -> None:
    return None
