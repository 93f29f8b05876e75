from netra_actors.protocol import codec


def test_every_name_is_there() -> None:
    assert all(hasattr(codec, name) for name in codec.__all__)
    assert codec.__all__ == sorted(codec.__all__, key=lambda name: (not name[0].isupper(), name))
