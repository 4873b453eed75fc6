"""What Earth Engine refuses is refused, in its words."""

import json
import urllib.error
import urllib.request

import ee
import pytest


def _refused(expression):
    with pytest.raises(ee.EEException) as raised:
        expression.getInfo()
    assert raised.value.__context__.resp.status == 400
    return str(raised.value)


def _posted(server, function, **arguments):
    """Status and message for one call that the client itself would not let through."""
    values = {key: {"constantValue": value} for key, value in arguments.items()}
    call = {"functionInvocationValue": {"functionName": function, "arguments": values}}
    body = json.dumps({"expression": {"result": "0", "values": {"0": call}}}).encode()
    request = urllib.request.Request(f"{server.url}/v1/projects/p/value:compute", body)
    with pytest.raises(urllib.error.HTTPError) as raised, urllib.request.urlopen(request):
        pass
    with raised.value as answer:
        return answer.code, json.load(answer)["error"]["message"]


def test_an_unknown_algorithm(server):
    """Only algorithms of Earth Engine's own list exist."""
    assert _posted(server, "Image.improve", image=1) == (400, "Unknown algorithm: 'Image.improve'.")


def test_an_unknown_argument(server):
    """Only an algorithm's own arguments are accepted."""
    status, message = _posted(server, "Number.add", left=1, right=2, middle=3)
    assert (status, message) == (400, "Number.add: Unrecognized argument name 'middle'.")


def test_a_missing_argument(server):
    """What an algorithm needs must be there."""
    status, message = _posted(server, "Number.add", left=1)
    assert (status, message) == (400, "Number.add: Parameter 'right' is required and may not be null.")


def test_an_argument_of_another_type(server):
    """A text is no number."""
    status, message = _posted(server, "Number.add", left=1, right="2")
    assert status == 400
    assert message.startswith("Number.add, argument 'right': Invalid type.")


def test_what_the_server_lacks_is_named(server):
    """An algorithm of Earth Engine that this server has not is refused by name."""
    image = ee.Image(1).convolve(ee.Kernel.square(1))
    assert _refused(image) == "This simulated Earth Engine does not implement the algorithm 'Kernel.square'."


def test_an_argument_that_the_server_lacks_is_refused(server):
    """An option that would change the answer is not ignored."""
    assert "argument 'timeZone'" in _refused(ee.Date("2020-01-01", "Africa/Kampala"))


def test_an_unknown_band(server):
    """The message lists the bands that there are."""
    message = _refused(ee.Image(1).rename("a").select("b"))
    assert message == "Image.select: Band pattern 'b' did not match any bands. Available bands: [a]"


def test_an_unknown_asset(server):
    """An asset that is not in the catalogue is not found."""
    assert _refused(ee.ImageCollection("no/such/asset").size()) == (
        "ImageCollection.load: ImageCollection asset 'no/such/asset' not found "
        "(does not exist or caller does not have access)."
    )


def test_a_composite_of_nothing(server):
    """Without images there are no bands to rename."""
    empty = ee.ImageCollection("COPERNICUS/S5P/OFFL/L3_NO2").filterDate("1990-01-01", "1990-01-02")
    assert "must match the number of bands (0)" in _refused(empty.mean().rename("a"))


def test_images_of_other_bands_do_not_mix(server):
    """A composite needs the same bands everywhere."""
    images = ee.ImageCollection([ee.Image(1).rename("a"), ee.Image(1).rename("b")])
    assert "Expected a homogeneous image collection" in _refused(images.mean())


def test_more_than_5000_bands(server):
    """A stack of 5,001 bands is refused, one of 5,000 is not."""
    images = ee.ImageCollection(ee.List.repeat(ee.Image(1), 5001))
    assert "maximum number of bands is 5000" in _refused(images.toBands())
    assert images.limit(5000).toBands().bandNames().size().getInfo() == 5000


def test_more_than_5000_elements(server):
    """value:compute stops at 5,000 elements."""
    message = _refused(ee.List.sequence(1, 5001))
    assert message == "Collection query aborted after accumulating over 5000 elements."
