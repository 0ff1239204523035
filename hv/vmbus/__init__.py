"""VMBus, the host side: pure state machines; bytes and events in, bytes and events out."""
