# frozen_string_literal: true

require_relative "helper"
require "zlib"

# Results that come item by item.
class ClientSequenceTest < Minitest::Test
  include Scripting

  HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.hyperglyph-seq\r\nTransfer-Encoding: chunked\r\n\r\n"
  DONE = "Xu3:end;D;N;;"

  # A sequence that is what the block writes, each String a chunk.
  def sequence(**options, &write)
    server = script do |_, socket|
      socket.write(HEAD)
      write.call(->(octets) { socket.write("#{octets.bytesize.to_s(16)}\r\n#{octets}\r\n") }, socket)
      socket.write("0\r\n\r\n")
      nil
    end
    [client(**options).get(server.url), server]
  end

  def test_items_come_one_by_one
    turn = Queue.new
    items, = sequence do |chunk, _|
      3.times do |index|
        chunk.call("i#{index};")
        turn.pop
      end
      chunk.call(DONE)
    end
    seen = []
    items.each do |item|
      seen << item
      turn << true # only now the next one is sent
    end
    assert_equal [0, 1, 2], seen
    assert_raises(StopIteration) { items.next }
  end

  def test_however_the_octets_are_cut
    octets = "i1;  u5:a;b;c;\nB0:Du12:content-type;u3:a/b;;;c0:2:xy;c0;Li1;;#{DONE}"
    [1, 2, 3, 7, 1000].each do |size|
      items, server = sequence { |chunk, _| octets.scan(/.{1,#{size}}/m) { |piece| chunk.call(piece) } }
      one, two, blob, four = items.to_a
      assert_equal [1, "a;b;c", "xy", [1]], [one, two, blob.read, four]
      assert_equal 1, server.connections
    end
  end

  def test_leaving_it_closes_the_connection
    gone = Queue.new
    items, = sequence do |chunk, _|
      loop { chunk.call("i1;").then { sleep 0.001 } }
    rescue SystemCallError => e
      gone << e
      raise
    end
    assert_equal [1, 1], items.first(2)
    assert_kind_of SystemCallError, gone.pop
    assert_equal [], items.to_a
  end

  def test_lazy_and_external
    items, = sequence { |chunk, _| chunk.call("i1;i2;i3;i4;#{DONE}") }
    assert_equal 1, items.next
    assert_equal [4, 6], items.lazy.map { |number| number * 2 }.first(2)
    items, = sequence { |chunk, _| chunk.call("i1;i2;#{DONE}") }
    assert_equal [[1, 0], [2, 1]], items.each.with_index.to_a
  end

  def test_errors_come_behind_the_items
    items, = sequence do |chunk, _|
      chunk.call("i1;Xu3:end;Du6:status;i409;;Xu5:error;Du6:logref;u1:l;u7:message;u3:two;u4:code;i7;;Du1:x;i1;;;;")
    end
    assert_equal 1, items.next
    error = assert_raises(Client::RequestError) { items.next }
    assert_equal [409, "two", "l", 7, { "x" => 1 }], [error.status, error.reason, error.logref, error.code, error.content]
    assert_raises(StopIteration) { items.next }
    { "i1;" => Client::TransportError, "i1;Li2;" => Client::TransportError, "i1;x" => Client::MalformedAnswer,
      "i1;#{DONE}i2;" => Client::MalformedAnswer, "i1;Xu3:end;D;i1;;" => Client::MalformedAnswer,
      "i1;Xu3:end;D;Xu5:error;D;D;;;" => Client::ServerError, "i1;#{DONE}\f" => Client::MalformedAnswer }.each do |octets, kind|
      items, = sequence { |chunk, _| chunk.call(octets) }
      seen = []
      assert_raises(kind, octets) { items.each { |item| seen << item } }
      assert_equal [1], seen, octets
    end
  end

  def test_what_the_block_raises_is_its_own
    items, = sequence { |chunk, _| chunk.call("i1;i2;#{DONE}") }
    assert_raises(StopIteration) { items.each { raise StopIteration, "mine" } }
    assert_equal [], items.to_a
  end

  def test_each_item_has_its_own_time_and_limits
    items, = sequence(timeout: 0.4, limits: Hyperglyph::Limits.new(nodes: 10)) do |chunk, _|
      5.times { chunk.call("LN;N;N;N;;").then { sleep 0.15 } }
      sleep 3
    end
    assert_equal 5, 5.times.map { items.next }.size
    assert_raises(Client::TimeoutError) { items.next }
    items, = sequence(limits: Hyperglyph::Limits.new(nodes: 3)) { |chunk, _| chunk.call("LN;N;N;N;;#{DONE}") }
    assert_raises(Client::MalformedAnswer) { items.next }
  end

  def test_threads_share_the_items
    items, = sequence { |chunk, _| 200.times { |index| chunk.call("i#{index};") }.then { chunk.call(DONE) } }
    taken = 4.times.map do
      Thread.new do
        mine = []
        loop { mine << items.next }
        mine
      end
    end.flat_map(&:value)
    assert_equal (0...200).to_a, taken.sort
  end

  def test_a_compressed_one
    body = Zlib.gzip("i1;i2;#{DONE}")
    server = script { Scripted.ok(body, type: "application/vnd.hyperglyph-seq", headers: { "Content-Encoding" => "gzip" }) }
    assert_equal [1, 2], client.get(server.url).to_a
  end

  def test_items_are_pages
    server = pages("/a/" => ->(_) { Scripted.ok(Hyperglyph.dump(link("x")) + DONE.b, type: "application/vnd.hyperglyph-seq") }, "/a/x" => 7)
    assert_equal 7, client.get(server.url("/a/")).next.call
  end
end
