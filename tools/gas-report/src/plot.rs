//! The figures as lines.

use std::ops::Range;

use eyre::{OptionExt, Report};
use plotters::{
    coord::ranged1d::{AsRangedCoord, ValueFormatter},
    prelude::*,
};

use crate::{
    figures::{Figures, Floor, grouped},
    measure::BATCHES,
    table::total,
};

const SIZE: (u32, u32) = (860, 480);
const FONT: (&str, u32) = ("sans-serif", 15);
const DIRECT: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
const TOKEN: RGBColor = RGBColor(0x2e, 0x8b, 0x57);
const CLONE: RGBColor = RGBColor(0xc2, 0x56, 0x1a);
const FLOOR: RGBColor = RGBColor(0x55, 0x55, 0x55);

/// Points of gas by count, and how they are drawn.
struct Line {
    label: &'static str,
    color: RGBColor,
    points: Vec<(u32, u64)>,
    dots: bool,
}

/// The cost of each of many cheques in one transaction: of one chequebook (`batch`), or of as many (`sweep`).
pub(crate) fn each(figures: &Figures, what: &str, floor: Option<Floor>) -> eyre::Result<String> {
    let series = |form: &str| {
        let each = |count: u32| {
            let gas = figures.get(&format!("{what}, {form}"), &count.to_string())?;
            Ok::<_, Report>((count, gas.checked_div(count.into()).ok_or_eyre("an empty batch")?))
        };
        BATCHES.iter().map(|count| each(*count)).collect::<Result<Vec<_>, _>>()
    };
    let scheme = if what == "sweep" { "typed" } else { "packed" };
    let single = figures.get("direct", &format!("repeat cash, {scheme}, only if covered"))?;
    let mut lines = vec![
        Line { label: "token", color: TOKEN, points: series("token")?, dots: true },
        Line { label: "clone", color: CLONE, points: series("clone")?, dots: true },
        Line { label: "direct", color: DIRECT, points: series("direct")?, dots: true },
        Line {
            label: "direct, a transaction each",
            color: FLOOR,
            points: vec![(1, single), (200, single)],
            dots: false,
        },
    ];
    if let Some(floor) = floor {
        let ten = floor.ten_repeats.checked_div(10).unwrap_or_default();
        lines.push(Line {
            label: "floor for ten, without an event",
            color: BLACK,
            points: vec![(10, ten)],
            dots: true,
        });
    }
    let titles = ["Gas for each repeat cheque", "cheques in one transaction", "gas for each"];
    draw(titles, 1..250, 20_000_u64..70_000, SeriesLabelPosition::UpperRight, &lines)
}

/// The total cost of a chequebook since its creation.
pub(crate) fn total_cost(figures: &Figures, floor: Floor) -> eyre::Result<String> {
    let counts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
    let series = |form: &str| {
        counts
            .iter()
            .map(|count| Ok((*count, total(figures, form, (*count).into())?)))
            .collect::<eyre::Result<Vec<_>>>()
    };
    let least = |count: &u32| {
        let repeats = u64::from(count.saturating_sub(1)).checked_mul(floor.repeat_cash);
        let gas = repeats.and_then(|gas| gas.checked_add(floor.first_cash)?.checked_add(floor.deposit));
        Ok((*count, gas.ok_or_eyre("beyond 64 bits")?))
    };
    let least = counts.iter().map(least).collect::<eyre::Result<Vec<_>>>()?;
    let lines = [
        Line { label: "direct", color: DIRECT, points: series("direct")?, dots: true },
        Line { label: "clone", color: CLONE, points: series("clone")?, dots: true },
        Line { label: "floor: a deposit and the cashes", color: FLOOR, points: least, dots: false },
    ];
    let titles = ["Gas of a chequebook: creation, deposit and cashes", "cashes", "gas in all"];
    draw(titles, 1..1_100, (50_000_u64..100_000_000).log_scale(), SeriesLabelPosition::LowerRight, &lines)
}

/// Draws lines, with the counts on a logarithmic axis.
fn draw<Gas>(
    [title, x, y]: [&str; 3],
    numbers: Range<u32>,
    gas: Gas,
    legend: SeriesLabelPosition,
    lines: &[Line],
) -> eyre::Result<String>
where
    Gas: AsRangedCoord<Value = u64>,
    Gas::CoordDescType: ValueFormatter<u64>,
{
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(90)
            .build_cartesian_2d(numbers.log_scale(), gas)?;
        chart
            .configure_mesh()
            .light_line_style(RGBColor(0xee, 0xee, 0xee))
            .bold_line_style(RGBColor(0xcc, 0xcc, 0xcc))
            .x_desc(x)
            .y_desc(y)
            .label_style(FONT)
            .axis_desc_style(FONT)
            .y_label_formatter(&|gas| grouped(*gas))
            .draw()?;
        for line in lines {
            let style = line.color.stroke_width(2);
            let shown = chart.draw_series(LineSeries::new(line.points.iter().copied(), style))?;
            shown.label(line.label).legend(move |(x, y)| PathElement::new([(x, y), (x.saturating_add(18), y)], style));
            if line.dots {
                let dot = |point: &(u32, u64)| Circle::new(*point, 3, line.color.filled());
                chart.draw_series(line.points.iter().map(dot))?;
            }
        }
        chart
            .configure_series_labels()
            .position(legend)
            .background_style(WHITE)
            .border_style(RGBColor(0xcc, 0xcc, 0xcc))
            .label_font(FONT)
            .draw()?;
        area.present()?;
    }
    svg.push('\n');
    Ok(svg)
}
