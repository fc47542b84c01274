"""The page's scripts and styles as one block that loads nothing from outside."""

import re
from dataclasses import replace

from klein_ui.models import POSTCARD
from klein_ui.ui import client


def test_every_script_and_sheet_of_the_folder_is_in_the_head() -> None:
    head = client.head(POSTCARD)
    for path in (*client.ASSETS.glob("*.js"), *client.ASSETS.glob("*.css")):
        assert path.read_text(encoding="utf-8").strip() in head, path.name


def test_the_server_says_whether_the_page_may_open_a_socket() -> None:
    assert '"onlyEvents": false' in client.head(POSTCARD)
    assert '"onlyEvents": true' in client.head(POSTCARD, only_events=True)


def test_nothing_comes_from_outside() -> None:
    head = client.head(POSTCARD)
    assert not re.search(r"""<link|<script src|@import|url\(|https?://""", head)


def test_a_name_cannot_end_the_script() -> None:
    script = client.script(replace(POSTCARD, name="</script><script>alert(1)"))
    assert "</script" not in script
