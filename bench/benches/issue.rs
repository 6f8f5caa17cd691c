//! Instructions of an issuance without I/O, beside those of its signatures and its key alone.

#![allow(missing_docs, unused_qualifications, reason = "what the macros make")]

use std::hint::black_box;

use acme_bench::transcript::{Signatures, Transcript};
use acme_proto::Issued;
use gungraun::prelude::*;

#[library_benchmark]
#[bench::one_name(args = (1), setup = Signatures::of)]
#[bench::hundred_names(args = (100), setup = Signatures::of)]
fn signatures(signatures: Signatures) -> usize {
    black_box(signatures.make())
}

#[library_benchmark]
#[bench::one_name(args = (1), setup = Transcript::record)]
#[bench::hundred_names(args = (100), setup = Transcript::record)]
fn issuance(transcript: Transcript) -> Issued {
    black_box(transcript.repeat())
}

library_benchmark_group!(name = issue, compare_by_id = true, benchmarks = [issuance, signatures]);

main!(library_benchmark_groups = issue);
