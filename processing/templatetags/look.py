"""What templates need to write numbers, times and icons as the look asks for them."""

from datetime import datetime

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from processing import wording

register = template.Library()

register.filter("grouped", wording.grouped)
register.filter("one_decimal", wording.one_decimal)
register.filter("instant", wording.instant)
register.filter("duration", wording.duration)
register.filter("forecast", wording.forecast)
register.filter("file_size", wording.file_size)


@register.filter
def exactly(moment: datetime) -> str:
    """Write an instant for an address, to the microsecond."""
    return moment.isoformat()


@register.filter
def figure(text: str) -> SafeString:
    """Write units smaller than their numbers: what stands before each no-break space is a number."""
    pairs = [part.split(wording.NO_BREAK) for part in text.split(" ")]
    return format_html_join(" ", "{} <small>{}</small>", pairs)


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """Draw one symbol of the sprite. It is decoration: the word beside it says what is meant."""
    classes = f"icon icon-{size}" if size else "icon"
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#i-{}"/></svg>', classes, static("icons.svg"), name
    )
