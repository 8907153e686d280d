//! A file of any size as an answer, or a part of it.

use std::io::{self, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use http_range_header::{ParsedRanges, StartPosition};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, ReadBuf, Take};

use super::Body;

/// As much as is read at once, on a thread that may block.
const PIECE: usize = 64 * 1024;

/// What is left of a file to be sent.
pub(crate) struct Rest {
    file: Take<File>,
    piece: BytesMut,
}

/// The file's bytes; of these only `wanted`, where that is one range. RFC 9110 §14.2: several may be answered by all of it.
pub(super) async fn file(
    path: &Path,
    is_head: bool,
    wanted: Option<ParsedRanges>,
) -> io::Result<Response<Body>> {
    let mut file = File::open(path).await?;
    let metadata = file.metadata().await?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let size = metadata.len();
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let (status, begin, length) = match wanted.filter(|wanted| wanted.ranges.len() == 1) {
        None => (StatusCode::OK, 0, size),
        Some(wanted) => {
            match satisfiable(wanted, size).validate(size).ok().and_then(|ranges| ranges.into_iter().next()) {
                Some(range) => {
                    let (first, last) = range.into_inner();
                    headers.insert(CONTENT_RANGE, value(format!("bytes {first}-{last}/{size}"))?);
                    (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
                }
                None => {
                    headers.insert(CONTENT_RANGE, value(format!("bytes */{size}"))?);
                    (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0)
                }
            }
        }
    };
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if begin > 0 {
        file.seek(SeekFrom::Start(begin)).await?;
    }
    let body = if is_head || length == 0 {
        Either::Left(Full::default())
    } else {
        file.set_max_buf_size(PIECE);
        Either::Right(Rest { file: file.take(length), piece: BytesMut::new() })
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Who asks for more of the end than there is wants all of it (RFC 9110 §14.1.2).
fn satisfiable(mut wanted: ParsedRanges, size: u64) -> ParsedRanges {
    for range in &mut wanted.ranges {
        if let (StartPosition::FromLast(last), true) = (&mut range.start, size > 0) {
            *last = size.min(*last);
        }
    }
    wanted
}

fn value(text: String) -> io::Result<HeaderValue> {
    HeaderValue::try_from(text).map_err(io::Error::other)
}

impl HttpBody for Rest {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let rest = self.get_mut();
        let left = rest.file.limit();
        if left == 0 {
            return Poll::Ready(None);
        }
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        rest.piece.resize(most, 0);
        let mut buffer = ReadBuf::new(&mut rest.piece);
        let read = ready!(Pin::new(&mut rest.file).poll_read(context, &mut buffer));
        let count = buffer.filled().len();
        Poll::Ready(Some(match read {
            Err(error) => Err(error),
            // It became shorter. The length is promised: only the end of the connection says that it is not kept.
            Ok(()) if count == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(()) => Ok(Frame::data(rest.piece.split_to(count).freeze())),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.file.limit() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.file.limit())
    }
}
