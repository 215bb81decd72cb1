//! A name server for tests, on the loopback interface: what it answers is in the name that is asked for.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use heist::net::{TcpListener, TcpStream, UdpSocket};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{RData, Record, RecordType};

/// How many addresses `long.test.` has: too many for a datagram.
pub const MANY: u8 = 200;

/// The server; it serves as long as its loop runs.
pub struct NameServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    /// One port, for UDP and TCP.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let socket = UdpSocket::bind(address).await?;
        let asked = Arc::new(AtomicUsize::new(0));
        drop(heist::create_task(over_udp(socket, asked.clone())));
        drop(heist::create_task(over_tcp(listener, asked.clone())));
        Ok(Self { address, asked })
    }

    /// How many questions came, over either.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Asks this server alone.
    pub fn config(&self) -> ResolverConfig {
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for connection in &mut connections {
            connection.port = self.address.port();
        }
        let server = NameServerConfig::new(self.address.ip(), true, connections);
        ResolverConfig::from_parts(None, vec![], vec![server])
    }
}

async fn over_udp(socket: UdpSocket, asked: Arc<AtomicUsize>) -> io::Result<()> {
    let mut buf = [0; 2048];
    loop {
        let (n, from) = socket.recv_from(&mut buf).await?;
        asked.fetch_add(1, Ordering::Relaxed);
        for answer in answers(&buf[..n], true) {
            socket.send_to(&answer, from).await?;
        }
    }
}

async fn over_tcp(listener: TcpListener, asked: Arc<AtomicUsize>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // A client that goes away ends its own task only.
        drop(heist::create_task(one_client(stream, asked.clone())));
    }
}

async fn one_client(mut stream: TcpStream, asked: Arc<AtomicUsize>) -> io::Result<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).await?;
        let mut question = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut question).await?;
        asked.fetch_add(1, Ordering::Relaxed);
        for answer in answers(&question, false) {
            let length = u16::try_from(answer.len()).unwrap();
            stream.write_all(&[&length.to_be_bytes()[..], &answer].concat()).await?;
        }
    }
}

/// What is sent back: one answer, none, or more.
fn answers(question: &[u8], short: bool) -> Vec<Vec<u8>> {
    let Ok(question) = Message::from_vec(question) else { return vec![] };
    let query = question.queries[0].clone();
    let (name, kind) = (query.name().clone(), query.query_type());
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.add_query(query);
    let v4 = |n| RData::A(Ipv4Addr::new(127, 0, 0, n).into());
    let datas = match (name.to_ascii().to_lowercase().as_str(), kind) {
        ("here.test.", RecordType::A) => vec![v4(1)],
        ("both.test.", RecordType::A) => vec![v4(1)],
        ("both.test.", RecordType::AAAA) => vec![RData::AAAA(Ipv6Addr::LOCALHOST.into())],
        ("long.test.", RecordType::A) => (1..=MANY).map(v4).collect(),
        ("noise.test." | "broken.test.", RecordType::A) => vec![v4(9)],
        ("here.test." | "long.test." | "noise.test." | "broken.test.", _) => vec![],
        ("silent.test.", _) => return vec![],
        _ => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            vec![]
        }
    };
    answer.add_answers(datas.into_iter().map(|data| Record::from_rdata(name.clone(), 60, data)));
    if short && answer.answers.len() > 20 {
        answer = answer.truncate();
    }
    let answer = answer.to_vec().unwrap();
    match name.to_ascii().as_str() {
        // Some of what comes before the answer is no message, some is one for somebody else.
        "noise.test." => {
            let mut other = answer.clone();
            other[0] ^= 0xff;
            vec![vec![], vec![0xff; 3], vec![0xff; 600], other, answer]
        }
        "broken.test." => vec![answer[..answer.len() / 2].to_vec()],
        _ => vec![answer],
    }
}
