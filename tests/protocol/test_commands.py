from netra_actors.protocol import command_types, commands, decoding


def test_structs_and_decoder_are_found_in_one_place() -> None:
    for name in commands.__all__:
        home = command_types if hasattr(command_types, name) else decoding
        assert getattr(commands, name) is getattr(home, name)
