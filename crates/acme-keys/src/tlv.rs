//! DER element by element, where the types of `x509-cert` would lose the original bytes, copy, or
//! refuse what others have issued.

use der::{Decode, Header, Reader, Result, SliceReader, Tag, TagNumber};

/// One element: tag, content, and the two together as they stand.
#[derive(Clone, Copy)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: Tag,
    pub(crate) value: &'a [u8],
    pub(crate) whole: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// Reads the next element.
    pub(crate) fn next(reader: &mut SliceReader<'a>) -> Result<Self> {
        let whole = reader.tlv_bytes()?;
        let mut inner = SliceReader::new(whole)?;
        let header = Header::decode(&mut inner)?;
        let value = inner.read_slice(header.length())?;
        Ok(Self { tag: header.tag(), value, whole })
    }

    /// Reads the next element, which has to have a tag.
    pub(crate) fn expect(reader: &mut SliceReader<'a>, tag: Tag) -> Result<Self> {
        let tlv = Self::next(reader)?;
        tlv.tag.assert_eq(tag)?;
        Ok(tlv)
    }

    /// Reads the next element if it has a tag.
    pub(crate) fn optional(reader: &mut SliceReader<'a>, tag: Tag) -> Result<Option<Self>> {
        if reader.is_finished() || Tag::peek(reader)? != tag {
            return Ok(None);
        }
        Self::next(reader).map(Some)
    }

    /// Goes into the element.
    pub(crate) fn reader(&self) -> Result<SliceReader<'a>> {
        SliceReader::new(self.value)
    }

    /// Reads the element as a type of another crate.
    pub(crate) fn decode<T: Decode<'a, Error = der::Error>>(&self) -> Result<T> {
        T::from_der(self.whole)
    }
}

/// Goes into the next element, which has to be a sequence.
pub(crate) fn enter_sequence<'a>(reader: &mut SliceReader<'a>) -> Result<SliceReader<'a>> {
    Tlv::expect(reader, Tag::Sequence)?.reader()
}

/// A context-specific tag of a primitive element.
pub(crate) const fn primitive(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: false, number: TagNumber(number) }
}

/// A context-specific tag of an element that holds others.
pub(crate) const fn constructed(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}
