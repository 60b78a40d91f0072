def test_x(render):
    p = render(service_kind="job")
    assert (p / "Dockerfile").exists()
