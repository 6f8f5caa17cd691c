//! Bodies of responses: whole ones, and those without end.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A body that is sent once, or over and over.
pub(super) enum ResponseBody {
    Once(Option<Bytes>),
    Endless(Bytes),
}

impl ResponseBody {
    pub(super) fn once(octets: Vec<u8>) -> Self {
        Self::Once(Some(octets.into()).filter(|octets: &Bytes| !octets.is_empty()))
    }

    /// Repeats a body; an empty one is given something to repeat.
    pub(super) fn endless(octets: Vec<u8>) -> Self {
        let unit = if octets.is_empty() { b" ".to_vec() } else { octets };
        let times = CHUNK.div_ceil(unit.len()).max(1);
        Self::Endless(unit.repeat(times).into())
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.get_mut() {
            Self::Once(octets) => octets.take(),
            Self::Endless(octets) => Some(octets.clone()),
        };
        Poll::Ready(next.map(|octets| Ok(Frame::data(octets))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Once(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Once(octets) => {
                SizeHint::with_exact(octets.as_ref().map_or(0, |octets| octets.len() as u64))
            }
            Self::Endless(_) => SizeHint::default(),
        }
    }
}

const CHUNK: usize = 16 * 1024;
