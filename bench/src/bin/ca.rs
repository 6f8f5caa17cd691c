//! The CA that the other benchmarks use, for a client of one's own.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    acme_bench::ca::serve()
}
