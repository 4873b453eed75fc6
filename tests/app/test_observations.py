"""What a panel holds of observed PM2.5."""

from airq.io import write_panel
from airq.panel import PanelMetadata, label_panel
from app.observations import read_observations


def test_a_panel_of_inputs_holds_no_observations(make_rows, tmp_path):
    "An extraction has no column pm25; its panel is one all the same."
    rows = make_rows({"kla": [1.0, 2.0]}).drop(columns="pm25")
    write_panel(label_panel(rows, PanelMetadata()), tmp_path / "panel.parquet")
    assert read_observations(tmp_path / "panel.parquet").of("kla").empty


def test_sites_of_a_city_are_averaged(make_rows, tmp_path):
    "10 and 20 µg m⁻³ on one day."
    rows = make_rows({"kla": [10.0, 20.0]}).assign(site_id=["a", "b"])
    rows["date"] = rows["date"].iloc[0]
    write_panel(label_panel(rows, PanelMetadata()), tmp_path / "panel.parquet")
    assert read_observations(tmp_path / "panel.parquet").of("kla").tolist() == [15.0]
