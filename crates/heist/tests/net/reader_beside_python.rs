//! Reads of every kind in random order, by a `StreamReader` and by Python's own: the same bytes, the same errors, and the same
//! rest after each. Both get their data in the same pieces, one whenever a read waits, and the end after the last.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::task::Poll;

use heist::{Feeder, ReadError, StreamReader, yield_now};

use crate::support::{in_order, peers};

/// How many readers are read to their end.
const CASES: usize = 3000;

const PYTHON: &str = "
import asyncio, sys

async def read(reader, kind, argument):
    try:
        if kind == 'line':
            data = await reader.readline()
        elif kind == 'until':
            data = await reader.readuntil(bytes.fromhex(argument))
        elif kind == 'exactly':
            data = await reader.readexactly(int(argument))
        else:
            data = await reader.read(int(argument))
        return data.hex()
    except asyncio.IncompleteReadError as error:
        return f'{error.partial.hex()} of {error.expected}'
    except asyncio.LimitOverrunError as error:
        return f'overrun at {error.consumed}, found {\"is found\" in str(error)}'
    except ValueError as error:
        return f'overrun, found {\"is found\" in str(error)}'

async def main():
    for case in sys.stdin.read().splitlines():
        limit, pieces, reads = case.split('|')
        reader, pieces = asyncio.StreamReader(limit=int(limit)), iter(pieces.split())
        for one in reads.split():
            reading = asyncio.create_task(read(reader, *one.split(':')))
            while True:
                # Until it is done, or waits.
                for _ in range(4):
                    await asyncio.sleep(0)
                if reading.done():
                    break
                piece = next(pieces, None)
                if piece is None:
                    reader.feed_eof()
                else:
                    reader.feed_data(bytes.fromhex(piece))
            print(f'{await reading}; {len(reader._buffer)} left, end {reader.at_eof()}')

asyncio.run(main())
";

/// One call of a reader.
#[derive(Debug, Clone)]
enum Call {
    Line,
    Until(Vec<u8>),
    Exactly(usize),
    /// Up to so many bytes; all, if `None`.
    Read(Option<usize>),
}

/// As Python is told of it.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line => f.write_str("line:"),
            Self::Until(separator) => write!(f, "until:{}", hex(separator)),
            Self::Exactly(n) => write!(f, "exactly:{n}"),
            Self::Read(Some(n)) => write!(f, "read:{n}"),
            Self::Read(None) => f.write_str("read:-1"),
        }
    }
}

/// A reader's limit, what comes, and what is read.
#[derive(Debug)]
struct Case {
    limit: usize,
    pieces: Vec<Vec<u8>>,
    calls: Vec<Call>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pieces: Vec<_> = self.pieces.iter().map(|piece| hex(piece)).collect();
        let calls: Vec<_> = self.calls.iter().map(Call::to_string).collect();
        write!(f, "{}|{}|{}", self.limit, pieces.join(" "), calls.join(" "))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    /// One below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Of few different bytes, so that separators come about, whole and in part.
    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..=self.below(most)).map(|_| b"ab\r\n"[self.below(4)]).collect()
    }

    fn call(&mut self) -> Call {
        match self.below(9) {
            0..3 => Call::Line,
            3..6 => Call::Until(self.bytes(3)),
            6 => Call::Exactly(self.below(12)),
            7 => Call::Read(Some(self.below(8))),
            _ if self.below(4) == 0 => Call::Read(None),
            _ => Call::Read(Some(100)),
        }
    }

    fn case(&mut self) -> Case {
        Case {
            limit: 1 + self.below(12),
            pieces: (0..self.below(8)).map(|_| self.bytes(16)).collect(),
            calls: (0..10).map(|_| self.call()).collect(),
        }
    }
}

/// What a call gives, as Python says it.
async fn outcome(reader: &mut StreamReader, call: &Call) -> String {
    let capitalized = |found| if found { "True" } else { "False" };
    let read = match call {
        Call::Line => reader.readline().await,
        Call::Until(separator) => reader.readuntil(separator).await,
        Call::Exactly(n) => reader.readexactly(*n).await,
        Call::Read(Some(n)) => reader.read(*n).await.map_err(ReadError::from),
        Call::Read(None) => reader.read_to_end().await.map_err(ReadError::from),
    };
    match read {
        Ok(data) => hex(&data),
        Err(ReadError::Incomplete(error)) => {
            let expected = error.expected.map_or_else(|| "None".to_owned(), |n| n.to_string());
            format!("{} of {expected}", hex(&error.partial))
        }
        Err(ReadError::LimitOverrun(error)) if matches!(call, Call::Line) => {
            format!("overrun, found {}", capitalized(error.found))
        }
        Err(ReadError::LimitOverrun(error)) => {
            format!("overrun at {}, found {}", error.consumed, capitalized(error.found))
        }
        Err(error) => panic!("{error}"),
    }
}

/// As `outcome`; feeds the next piece whenever it waits.
async fn outcome_while_fed(
    reader: &mut StreamReader,
    feeder: &Feeder,
    pieces: &mut impl Iterator<Item = Vec<u8>>,
    call: &Call,
) -> String {
    let mut reading = pin!(outcome(reader, call));
    loop {
        match poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
            Poll::Ready(text) => return text,
            Poll::Pending => match pieces.next() {
                Some(piece) => feeder.feed_data(&piece).unwrap(),
                None => feeder.feed_eof(),
            },
        }
    }
}

/// The outcome of each call, and what is left after it.
async fn outcomes(case: &Case) -> Vec<String> {
    let (mut reader, feeder) = StreamReader::fed(case.limit).unwrap();
    let (mut pieces, mut all) = (case.pieces.clone().into_iter(), Vec::new());
    for call in &case.calls {
        let outcome = outcome_while_fed(&mut reader, &feeder, &mut pieces, call).await;
        let left = reader.buffered().len() + feeder.buffered();
        let end = if reader.at_eof() { "True" } else { "False" };
        all.push(format!("{outcome}; {left} left, end {end}"));
        // So that no read waits because this task has done enough for one turn.
        yield_now().await;
    }
    all
}

/// What Python prints for these cases.
fn python(program: &std::path::Path, cases: &[Case]) -> String {
    let mut python = Command::new(program);
    python.args(["-c", PYTHON]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    for case in cases {
        writeln!(python.stdin.as_ref().unwrap(), "{case}").unwrap();
    }
    drop(python.stdin.take());
    let mut said = String::new();
    python.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(python.wait().unwrap().success());
    said
}

#[test]
fn every_read_has_the_outcome_that_python_has() {
    let Some(program) = peers::find("python3") else { return };
    let mut numbers = Numbers(2026);
    let cases: Vec<_> = (0..CASES).map(|_| numbers.case()).collect();
    let said = python(&program, &cases);
    let mut said = said.lines();
    in_order(async {
        for case in &cases {
            for (call, outcome) in case.calls.iter().zip(outcomes(case).await) {
                assert_eq!(Some(&*outcome), said.next(), "ours and Python's, after {call} in {case:?}");
            }
        }
    });
    assert_eq!(said.next(), None);
}
