"""What tests of several directories share: helpers and no test; each module says what it owns."""
