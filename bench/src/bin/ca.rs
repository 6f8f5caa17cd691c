//! The test CA for a client of one's own: `ca [h2|http/1.1] [MILLISECONDS]`, the time of a round trip.

use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let protocol = arguments.first().map_or("h2", String::as_str).parse()?;
    let milliseconds = arguments.get(1).map_or(Ok(0), |text| text.parse())?;
    acme_bench::ca::serve(protocol, Duration::from_millis(milliseconds))
}
