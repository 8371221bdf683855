# frozen_string_literal: true

# The codec beside YAML, JSON, Marshal and msgpack.
#
#   ruby ruby/benchmarks/codec.rb            a table for each payload
#   ruby ruby/benchmarks/codec.rb --growth   microseconds for each KB, from 10 KB to 100 MB
#
# The candidates take turns, round by round, and what counts is CPU time. A ratio is the median of
# those of all rounds: a peer's time by ours, so that 3.0 means that we are 3 times as fast.

$LOAD_PATH.unshift(File.expand_path("../lib", __dir__))

require "hyperglyph"
require "json"
require "yaml"
begin
  require "msgpack"
rescue LoadError
  warn "without msgpack: it is not installed"
end

# Values from a fixed seed, which all peers can carry.
module Payloads
  WORDS = %w[alpha beta gamma delta déjà größer naïve Москва 東京 plain words here and there].freeze

  module_function

  def random
    @random ||= Random.new(2012)
  end

  def arguments
    { "name" => "Bob", "count" => 3, "ratio" => 0.5, "deep" => true, "note" => nil }
  end

  def record(number)
    {
      "id" => number, "name" => "user #{number}", "email" => "user#{number}@example.org", "active" => random.rand < 0.5,
      "score" => random.rand * 100, "balance" => random.rand(-10**9..10**9), "note" => random.rand < 0.3 ? nil : text(8),
      "tags" => Array.new(3) { WORDS.sample(random: random) },
      "address" => { "street" => text(3), "number" => random.rand(1..200), "city" => WORDS.sample(random: random) }
    }
  end

  def records(count)
    Array.new(count) { |number| record(number) }
  end

  def text(words)
    Array.new(words) { WORDS.sample(random: random) }.join(" ")
  end

  def nested(depth)
    (1..depth).reduce("end") { |value, level| level.odd? ? [level, value] : { "in" => value, "level" => level } }
  end

  # Name, what it is, value.
  def all
    [
      ["a", "an argument dict of 5 entries", arguments],
      ["b", "1,000 records", records(1_000)],
      ["c", "100,000 integers", Array.new(100_000) { random.rand(-(2**random.rand(1..62))..(2**random.rand(1..62))) }],
      ["d", "100,000 floats", Array.new(100_000) { (random.rand - 0.5) * (10**random.rand(-20..20)) }],
      ["e", "20,000 short texts", Array.new(20_000) { random.rand < 0.3 ? text(2) : "text #{random.rand(10**6)}" }],
      ["f", "10 MB of octets", random.bytes(10_000_000)],
      ["h", "nested 98 deep", nested(98)]
    ]
  end
end

# Who takes part: name, what encodes, what decodes.
PEERS = {
  "hyperglyph" => [->(value) { Hyperglyph::Codec.encode(value) }, ->(octets) { Hyperglyph.load(octets) }],
  "YAML" => [->(value) { YAML.dump(value) }, ->(octets) { YAML.safe_load(octets) }],
  "JSON" => [->(value) { JSON.generate(value) }, ->(octets) { JSON.parse(octets) }],
  "Marshal" => [->(value) { Marshal.dump(value) }, ->(octets) { Marshal.load(octets) }]
}
PEERS["msgpack"] = [->(value) { MessagePack.pack(value) }, ->(octets) { MessagePack.unpack(octets) }] if defined?(MessagePack)

# Seconds of CPU for one call, `times` of them being timed.
def cpu(times)
  from = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
  times.times { yield }
  (Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - from) / times
end

def median(numbers)
  sorted = numbers.sort
  (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
end

# By peer, the time of each round; peers that cannot carry the value are left out.
def rounds(count, work)
  able = work.reject do |_, call|
    GC.start
    call.call
    false
  rescue StandardError, SystemStackError
    true
  end
  slowest = able.map { |name, call| [name, cpu(1, &call)] }
  times = slowest.to_h { |name, once| [name, (0.05 / [once, 1e-7].max).clamp(1, 10_000).to_i] }
  results = Hash.new { |hash, name| hash[name] = [] }
  count.times do
    able.each do |name, call|
      GC.start
      results[name] << cpu(times[name], &call)
    end
  end
  results
end

def row(title, results)
  ours = results["hyperglyph"]
  cells = PEERS.keys.drop(1).map do |peer|
    theirs = results[peer]
    theirs.empty? ? format("%9s", "-") : format("%9.2f", median(theirs.zip(ours).map { |one, other| one / other }))
  end
  puts format("%-32s %12.1f %s", title, median(ours) * 1e6, cells.join(" "))
end

def table(count)
  puts format("%-32s %12s %s", "peer's time by ours", "ours, us", PEERS.keys.drop(1).map { |peer| peer.rjust(9) }.join(" "))
  Payloads.all.each do |name, about, value|
    # YAML takes minutes for what is binary or long; a tenth of a second of each round is enough of it.
    peers = PEERS.reject { |peer, _| name == "f" && peer == "JSON" }
    row("#{name} #{about}, encode", rounds(count, peers.transform_values { |encode, _| -> { encode.call(value) } }))
    octets = peers.to_h { |peer, (encode, _)| [peer, encode.call(value)] }
    row("#{name} #{about}, decode",
        rounds(count, peers.to_h { |peer, (_, decode)| [peer, -> { decode.call(octets[peer]) }] }))
  end
end

def growth
  limits = Hyperglyph::Limits.new(nodes: 1 << 40, octets: 1 << 40)
  puts format("%12s %20s %20s", "KB", "encode, us/KB", "decode, us/KB")
  [30, 300, 3_000, 30_000, 300_000].each do |count|
    records = Payloads.records([count, 3_000].min)
    value = Array.new([count / 3_000, 1].max, records)
    octets = Hyperglyph::Codec.encode(value, limits: limits)
    kilobytes = octets.bytesize / 1000.0
    times = count > 100_000 ? 1 : 3
    GC.start
    encode = Array.new(times) { cpu(1) { Hyperglyph::Codec.encode(value, limits: limits) } }
    GC.start
    decode = Array.new(times) { cpu(1) { Hyperglyph::Codec.decode(octets, limits: limits) } }
    puts format("%12.0f %20.2f %20.2f", kilobytes, median(encode) * 1e6 / kilobytes, median(decode) * 1e6 / kilobytes)
  end
end

ARGV.include?("--growth") ? growth : table((ARGV.first || 7).to_i)
