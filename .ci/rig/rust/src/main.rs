//! Reads a stream with Amazon's SDK for Rust, shard by shard, and prints what it is handed, until its input ends.
//!
//!     reader http://127.0.0.1:4568 orders [consumer]
//!
//! It polls, or reads by enhanced fan-out under the name of a consumer, which it registers. A shard is read when all its parents
//! have ended. Lines: UP, "REC shard sequence 0 false - key hash" for each record, "END shard", DOWN.

use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::types::{ChildShard, ConsumerStatus, Record, ShardIteratorType, StartingPosition, SubscribeToShardEventStream};
use aws_sdk_kinesis::{Client, Config};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::{env, error, fmt::Write, io, process, thread, time::Duration};
use tokio::{sync::mpsc, time::sleep};

type Failure = Box<dyn error::Error + Send + Sync>;

enum News {
    Ended(String, Vec<ChildShard>),
    Failed(Failure),
    Stop,
}

#[derive(Clone)]
struct Source {
    client: Client,
    stream: String,
    consumer: Option<String>, // its ARN
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = env::args().skip(1).collect();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(Credentials::new("000000000000", "secret", None, None, "given"))
        .region(Region::new("us-east-1"))
        .endpoint_url(&args[0])
        .build();
    let mut source = Source { client: Client::from_conf(config), stream: args[1].clone(), consumer: None };
    if let Some(name) = args.get(2) {
        source.consumer = Some(source.register(name).await?);
    }
    let (news, mut arriving) = mpsc::unbounded_channel();
    let stop = news.clone();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = stop.send(News::Stop);
    });

    let listed = source.client.list_shards().stream_name(&source.stream).send().await?;
    let ids: HashSet<String> = listed.shards().iter().map(|s| s.shard_id.clone()).collect();
    let mut started = HashSet::new();
    for s in listed.shards() {
        if ![&s.parent_shard_id, &s.adjacent_parent_shard_id].iter().any(|p| p.as_ref().is_some_and(|p| ids.contains(p))) {
            started.insert(s.shard_id.clone());
            tokio::spawn(source.clone().read(s.shard_id.clone(), news.clone()));
        }
    }
    println!("UP");
    let mut ended = HashSet::new();
    while let Some(n) = arriving.recv().await {
        match n {
            News::Stop => break,
            News::Failed(e) => return Err(e),
            News::Ended(shard, children) => {
                println!("END {shard}");
                ended.insert(shard);
                for c in children {
                    if c.parent_shards.iter().all(|p| ended.contains(p)) && started.insert(c.shard_id.clone()) {
                        tokio::spawn(source.clone().read(c.shard_id, news.clone()));
                    }
                }
            }
        }
    }
    println!("DOWN");
    process::exit(0) // with what is still being read
}

impl Source {
    async fn register(&self, name: &str) -> Result<String, Failure> {
        let d = self.client.describe_stream_summary().stream_name(&self.stream).send().await?;
        let stream = d.stream_description_summary.ok_or("no summary")?.stream_arn;
        self.client.register_stream_consumer().stream_arn(&stream).consumer_name(name).send().await?;
        loop {
            let d = self.client.describe_stream_consumer().stream_arn(&stream).consumer_name(name).send().await?;
            let consumer = d.consumer_description.ok_or("no description")?;
            if consumer.consumer_status == ConsumerStatus::Active {
                return Ok(consumer.consumer_arn);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn read(self, shard: String, news: mpsc::UnboundedSender<News>) {
        let end = match &self.consumer {
            Some(consumer) => self.subscribe(consumer, &shard).await,
            None => self.poll(&shard).await,
        };
        let _ = news.send(match end {
            Ok(children) => News::Ended(shard, children),
            Err(e) => News::Failed(e),
        });
    }

    async fn poll(&self, shard: &str) -> Result<Vec<ChildShard>, Failure> {
        let first = self.client.get_shard_iterator().stream_name(&self.stream).shard_id(shard);
        let mut next = first.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?.shard_iterator;
        loop {
            let page = self.client.get_records().set_shard_iterator(next).limit(500).send().await?;
            print(shard, page.records());
            if page.next_shard_iterator.is_none() {
                return Ok(page.child_shards.unwrap_or_default());
            }
            next = page.next_shard_iterator;
            if page.records.is_empty() {
                sleep(Duration::from_millis(200)).await;
            }
        }
    }

    async fn subscribe(&self, consumer: &str, shard: &str) -> Result<Vec<ChildShard>, Failure> {
        let mut from = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon).build()?;
        loop {
            let call = self.client.subscribe_to_shard().consumer_arn(consumer).shard_id(shard);
            let mut events = call.starting_position(from.clone()).send().await?.event_stream;
            while let Some(event) = events.recv().await? {
                let SubscribeToShardEventStream::SubscribeToShardEvent(e) = event else { continue };
                print(shard, e.records());
                if let Some(children) = e.child_shards {
                    return Ok(children);
                }
                let after = StartingPosition::builder().r#type(ShardIteratorType::AfterSequenceNumber);
                from = after.sequence_number(e.continuation_sequence_number).build()?;
            }
        }
    }
}

fn print(shard: &str, records: &[Record]) {
    for r in records {
        let key = r.partition_key.as_deref().unwrap_or_default().bytes().fold(String::new(), |mut s, b| { write!(s, "%{b:02x}").unwrap(); s });
        let hash = Sha256::digest(r.data.as_ref()).iter().fold(String::new(), |mut s, b| { write!(s, "{b:02x}").unwrap(); s });
        println!("REC {shard} {} 0 false - {key} {hash}", r.sequence_number);
    }
}
