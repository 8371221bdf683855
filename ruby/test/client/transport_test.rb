# frozen_string_literal: true

require_relative "helper"
require "zlib"

# Connections, framing, limits and deadlines.
class ClientTransportTest < Minitest::Test
  include Scripting

  OUTCOMES = { "" => :unknown, "HTTP/1.1 2" => :unknown, "HTTP/1.1 200 OK\r\nContent-Len" => :done,
               "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Type: application/vnd.hyperglyph\r\n\r\ni1" => :done }.freeze

  def start
    { "f" => form("f"), "l" => link("l"), "g" => form("g", "a") }
  end

  # A page whose form is answered by the block.
  def answering(**options, &answer)
    server = script { |request, socket| request.path == "/" ? Scripted.ok(start) : answer.call(request, socket) }
    [server, client(**options).get(server.url)]
  end

  def test_connections_are_kept
    server, root = answering { Scripted.ok(1) }
    20.times { assert_equal 1, root["f"].call }
    assert_equal 1, server.connections
  end

  def test_threads_share_a_client
    server = pages("/" => resource({ "add" => form("add", "a", "b") }),
                   "/add" => ->(request) { Hyperglyph.load(request.body).values.sum })
    root = client(timeout: 20).get(server.url)
    sums = 16.times.map { |a| Thread.new { 25.times.map { |b| root.add(a * 1000, b) } } }.map(&:value)
    assert_equal 16.times.map { |a| 25.times.map { |b| (a * 1000) + b } }, sums
    assert_equal 401, server.asked.size
    assert_operator server.connections, :<=, 40
  end

  def test_a_connection_that_was_closed_is_not_used_and_nothing_is_sent_twice
    server, root = answering(timeout: 5) do |_, socket|
      socket.write(Scripted.ok(1))
      :close
    end
    3.times do
      assert_equal 1, root["f"].call
      sleep 0.05 # until the client can see it
    end
    assert_equal 4, server.asked.size
  end

  def test_an_unsafe_call_is_never_sent_twice_and_a_safe_one_at_most_once_more
    server, root = answering { :close }
    error = assert_raises(Client::TransportError) { root["f"].call }
    assert_equal :unknown, error.outcome
    assert_equal 2, server.asked.size
    root = client.get(server.url) # a connection that is kept
    assert_raises(Client::TransportError) { root["l"].call }
    assert_equal %w[/ /f / /l /l], server.asked.map(&:path)
  end

  def test_outcomes_of_answers_that_break_off
    OUTCOMES.each do |octets, outcome|
      _, root = answering do |_, socket|
        socket.write(octets)
        :close
      end
      assert_equal outcome, assert_raises(Client::TransportError) { root["f"].call }.outcome, octets
    end
  end

  def test_nobody_listens
    free = TCPServer.new("127.0.0.1", 0)
    url = "http://127.0.0.1:#{free.addr[1]}/"
    free.close
    assert_equal :not_done, assert_raises(Client::TransportError) { client.get(url) }.outcome
  end

  def test_what_comes_unasked_is_not_the_next_answer
    server, root = answering { |request, _| Scripted.ok(request.connection) + Scripted.ok(66) }
    assert_equal [1, 2, 3], [root["f"].call, root["f"].call, root["f"].call]
    assert_equal 3, server.connections
  end

  # One octet every now and then keeps each single wait short.
  def test_a_dripping_answer_ends_at_the_deadline
    [["HTTP/1.1 200 OK\r\nX-Long: ", "x"], ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n", "0"],
     ["HTTP/1.1 200 OK\r\nContent-Length: 60000\r\nContent-Type: text/plain\r\n\r\n", "x"]].map do |head, drop|
      _, root = answering(timeout: 0.5) do |_, socket|
        socket.write(head)
        loop { socket.write(drop).then { sleep 0.02 } }
      end
      Thread.new do
        began = Hyperglyph::HTTP::Deadline.now
        assert_raises(Client::TimeoutError) { value = root["f"].call and value.read }
        assert_in_delta 0.5, Hyperglyph::HTTP::Deadline.now - began, 0.4
      end
    end.each(&:join)
  end

  # Where there is always something to read, nothing waits.
  def test_a_flood_ends_at_the_deadline
    _, root = answering(timeout: 0.5) do |_, socket|
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/vnd.hyperglyph\r\n\r\nB\r\nu30000000:x\r\n")
      loop { socket.write("1\r\nx\r\n" * 5_000) }
    end
    began = Hyperglyph::HTTP::Deadline.now
    assert_raises(Client::TimeoutError) { root["f"].call }
    assert_includes 0.5..5, Hyperglyph::HTTP::Deadline.now - began # the flood itself has no end
  end

  def test_an_interim_answer_that_cannot_be_read_says_nothing_of_the_call
    { "103 Early" => :unknown, "200 OK" => :done }.each do |status, outcome|
      _, root = answering { "HTTP/1.1 #{status}\r\nno field\r\n\r\n#{Scripted.ok(1)}" }
      assert_equal outcome, assert_raises(Client::MalformedAnswer) { root["f"].call }.outcome
    end
  end

  def test_interim_answers
    interim = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
    answers = [interim * 25 + Scripted.ok(1), interim * 15 + Scripted.ok(2)]
    _, root = answering { answers.shift }
    assert_raises(Client::MalformedAnswer) { root["f"].call }
    assert_equal 2, root["f"].call
  end

  def test_a_body_that_is_compressed_wrongly
    whole = Zlib.gzip("i1;")
    [whole + "x", whole + whole, whole[0...-1], "x" + whole, "", whole[0...-5] + "\0" * 5].each do |body|
      _, root = answering { Scripted.ok(body.b, headers: { "Content-Encoding" => "gzip" }) }
      assert_raises(Client::MalformedAnswer, body.inspect) { root["f"].call }
    end
    _, root = answering { Scripted.ok(whole, headers: { "Content-Encoding" => "gzip, gzip" }) }
    assert_raises(Client::MalformedAnswer) { root["f"].call }
  end

  def test_a_deadline_of_the_user_holds_for_all_calls_in_its_block
    server, root = answering { sleep(0.2).then { Scripted.ok(1) } }
    Hyperglyph.deadline(0.5) do
      Hyperglyph.deadline(60) { root["f"].call }
      told = server.asked.last.headers["hyperglyph-timeout"].to_f
      assert told.between?(0.1, 0.5), told
      error = assert_raises(Client::TimeoutError) { 5.times { root["f"].call } }
      assert_includes %i[unknown not_done], error.outcome
    end
    assert_equal 1, root["f"].call
    assert_operator server.asked.last.headers["hyperglyph-timeout"].to_f, :>, 20
    error = assert_raises(Client::TimeoutError) { Hyperglyph.deadline(0) { root["f"].call } }
    assert_equal :not_done, error.outcome
  end

  BAD_HEADS = [
    "SSH-2.0\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na", "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\na",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nA: #{'x' * 70_000}\r\n\r\n",
    "HTTP/1.1 200 OK\r\n#{"A: b\r\n" * 12_000}\r\n", "HTTP/1.1 100 Continue\r\n\r\n" * 30
  ].freeze
  CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
  BAD_CHUNKS = ["x\r\n", "-1\r\na\r\n", "1\r\nab\r\n0\r\n\r\n", "1\r\na0\r\n\r\n", "#{'f' * 17}\r\n", "\r\n", "1 ;\0"].freeze

  def test_heads_and_chunks_that_cannot_be_read
    (BAD_HEADS + BAD_CHUNKS.map { |chunks| CHUNKED + chunks }).each do |octets|
      _, root = answering(timeout: 5) do |_, socket|
        socket.write(octets)
        :close
      end
      error = assert_raises(Client::Error, octets[0, 90]) { value = root["f"].call and value.read }
      assert_includes [Client::MalformedAnswer, Client::TransportError], error.class
    end
  end

  def test_chunks
    _, root = answering { "#{CHUNKED}3;x=y\r\nabc\r\n0B\r\ndefghijklmn\r\n0\r\nTrailer: 1\r\n\r\n" }
    2.times { assert_equal "abcdefghijklmn", root["f"].call.read }
  end

  def test_a_server_may_answer_before_it_has_read_the_body
    file = Hyperglyph::Blob.new("x" * (32 << 20), content_type: "a/b")
    server = TCPServer.new("127.0.0.1", 0)
    thread = Thread.new do
      socket = server.accept
      socket.readpartial(100)
      socket.write(Scripted.ok("too large", status: 413, type: "text/plain"))
      sleep 3
    end
    page = Client::Page.new(client(timeout: 5), "http://127.0.0.1:#{server.addr[1]}/", public: false)
    began = Hyperglyph::HTTP::Deadline.now
    error = assert_raises(Client::RequestError) { page.value(form("f", "a")).call(file) }
    assert_equal 413, error.status
    assert_operator Hyperglyph::HTTP::Deadline.now - began, :<, 2.5
  ensure
    thread&.kill
    server&.close
  end

  def test_a_bomb_is_stopped_while_it_is_inflated
    octets = bomb(64 << 20) # about as many compressed ones as are read at a time
    _, root = answering { Scripted.ok(octets, headers: { "Content-Encoding" => "gzip" }) }
    before = resident
    assert_raises(Client::MalformedAnswer) { root["f"].call }
    assert_operator resident - before, :<, 32 << 20
  end

  # Zeros, compressed, which are never whole in this process: their memory would be there to be used again.
  def bomb(size)
    octets = StringIO.new("".b)
    zeros = "\0" * (1 << 20)
    writer = Zlib::GzipWriter.new(octets, Zlib::BEST_COMPRESSION)
    (size >> 20).times { writer.write(zeros) }
    writer.finish
    octets.string
  end

  # Octets that this process has in memory.
  def resident
    Integer(File.read("/proc/self/statm").split[1]) * 4096
  rescue SystemCallError
    skip "this system does not tell memory by /proc"
  end

  def test_limits_hold_for_errors_too
    _, root = answering(limits: Hyperglyph::Limits.new(octets: 1000)) { Scripted.ok("x" * 2000, status: 500) }
    error = assert_raises(Client::ServerError) { root["f"].call }
    assert_equal [500, nil, {}], [error.status, error.reason, error.content]
  end

  def test_a_child_process_has_connections_of_its_own
    server, root = answering { |request, _| Scripted.ok(request.connection) }
    assert_equal 1, root["f"].call
    reader, writer = IO.pipe
    pid = fork do
      writer.write(root["f"].call)
      writer.close
      exit!(0)
    end
    writer.close
    Process.wait(pid)
    assert_equal "2", reader.read
    assert_equal 1, root["f"].call
    assert_equal 2, server.connections
  end

  def test_another_adapter
    seen = []
    body = Object.new
    def body.length = 3
    def body.read(_deadline) = @read ? nil : (@read = "i7;".b)
    def body.close = nil
    own = Object.new
    own.define_singleton_method(:call) do |request|
      seen << [request.method, request.target.url, request.headers.to_h["Accept"]]
      Client::Response.new(200, { "content-type" => ["application/vnd.hyperglyph"] }, body, address: nil)
    end
    assert_equal 7, client(adapter: own).get("http://example.org/x#f")
    assert_equal [["GET", "http://example.org/x", Client::ACCEPT]], seen
  end
end
