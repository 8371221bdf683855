# frozen_string_literal: true

require_relative "helper"
require "digest"
require "zlib"
require "tempfile"

# Blobs, both ways.
class ClientBlobTest < Minitest::Test
  include Scripting

  def file(size)
    Tempfile.new("hyperglyph-test", binmode: true).tap do |made|
      made.write("0123456789abcdef" * (size / 16))
      made.rewind
    end
  end

  # A server that only counts and hashes what it is sent.
  def upload
    pages("/" => resource({ "put" => form("put", "file", envelope: "blob"), "send" => form("send", "a", "file") }),
          "/put" => ->(request) { [request.headers.slice("content-type", "content-disposition", "content-length", "transfer-encoding"), Digest::SHA256.hexdigest(request.body)] },
          "/send" => ->(request) { Hyperglyph.load(request.body).then { |sent| [request.headers["content-length"].to_i, sent["a"], Digest::SHA256.hexdigest(sent["file"].read)] } })
  end

  def test_files_are_sent_with_their_length
    made = file(5 << 20)
    root = client.get(upload.url)
    headers, digest = root.put(Hyperglyph::Blob.new(made, content_type: "image/png"))
    expected = { "content-type" => "image/png", "content-disposition" => 'form-data; name="file"', "content-length" => (5 << 20).to_s }
    assert_equal expected, headers
    assert_equal Digest::SHA256.file(made.path).hexdigest, digest
    made.rewind # a blob is what follows from where the file stands
    length, number, digest = root["send"].call(7, Hyperglyph::Blob.new(made, content_type: "image/png"))
    assert_operator length, :>, 5 << 20
    assert_equal [7, Digest::SHA256.file(made.path).hexdigest], [number, digest]
  ensure
    made&.close!
  end

  def test_what_has_no_length_goes_in_chunks
    reader, writer = IO.pipe
    thread = Thread.new { 200.times { writer.write("x" * 1000) }.then { writer.close } }
    headers, digest = client.get(upload.url).put(Hyperglyph::Blob.new(reader, content_type: "a/b"))
    assert_equal "chunked", headers["transfer-encoding"]
    refute headers.key?("content-length")
    assert_equal Digest::SHA256.hexdigest("x" * 200_000), digest
  ensure
    thread&.join
  end

  # The file became shorter, or longer, after its size was asked for.
  def test_a_file_that_changes_while_it_is_sent
    [50_000, 150_000].each do |told|
      source = StringIO.new("x" * 100_000)
      source.define_singleton_method(:size) { told }
      server = upload
      root = client.get(server.url)
      assert_raises(Client::TransportError) { root.put(Hyperglyph::Blob.new(source, content_type: "a/b")) }
      refute server.asked.any? { |request| request.path == "/put" && request.body.to_s.bytesize == told }
    end
  end

  def test_what_a_source_raises_reaches_the_user
    broken = Object.new
    def broken.read(_octets) = raise(IOError, "the disk is gone")
    root = client.get(upload.url)
    assert_equal "the disk is gone", assert_raises(IOError) { root.put(Hyperglyph::Blob.new(broken, content_type: "a/b")) }.message
    assert_equal 2, root.put(Hyperglyph::Blob.new("x", content_type: "a/b")).size
  end

  def test_types_and_names_cannot_break_the_head
    root = client.get(upload.url)
    ["a/b\r\nX: y", "a/\u00e9"].each do |type|
      assert_raises(Client::ArgumentsError) { root.put(Hyperglyph::Blob.decoded({ "content-type" => type }, Hyperglyph::Blob::Spool.new)) }
    end
    [1, nil, "x", "x".b].each { |value| assert_raises(Client::ArgumentsError) { root.put(value) } }
  end

  # More than this process may have in memory at once, by far.
  def test_a_large_one_is_read_while_it_comes
    size = 40 << 20
    piece = "x" * 65_536
    server = script do |_, socket|
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: #{size}\r\n\r\n")
      (size / piece.bytesize).times { socket.write(piece) }
      nil
    end
    made = client
    blob = made.get(server.url)
    assert_equal ["image/png", server.url, nil], [blob.content_type, blob["url"], blob.size]
    count = 0
    largest = 0
    blob.each_chunk do |octets|
      count += octets.bytesize
      largest = [largest, octets.bytesize].max
    end
    assert_equal [size, 65_536], [count, largest]
    assert_raises(IOError) { blob.read }
    made.get(server.url).close
    assert_equal 2, server.asked.size
    assert_equal 1, server.connections
  end

  def test_a_small_one_is_there_at_once
    server = pages("/" => ->(_) { Scripted.ok("abc".b, type: "text/plain; charset=utf-8") })
    blob = client.get(server.url)
    server.stop
    2.times { assert_equal "abc", blob.read }
    assert_equal 3, blob.size
    assert_equal "text/plain; charset=utf-8", blob.content_type
  end

  def test_a_large_one_that_is_cut_short
    server = script do |_, socket|
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 100000\r\n\r\n#{'x' * 99_999}")
      :close
    end
    blob = client.get(server.url)
    error = assert_raises(Client::TransportError) { blob.read }
    assert_equal :done, error.outcome
    assert_raises(Client::TransportError) { blob.read }
  end

  # A few octets may hold many.
  def test_a_compressed_one_is_never_read_at_once
    body = Zlib.gzip("x" * 100)
    server = script { Scripted.ok(body, type: "a/b", headers: { "Content-Encoding" => "gzip" }) }
    blob = client.get(server.url)
    assert_nil blob.size
    assert_equal "x" * 100, blob.read
  end

  def test_one_that_is_beyond_the_limits
    ["Content-Length: 100000\r\n", ""].each do |length|
      server = script do |_, socket|
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n#{length}\r\n#{'x' * 100_000}")
        :close
      end
      blob = client(limits: Hyperglyph::Limits.new(blob_octets: 70_000)).get(server.url)
      assert_raises(Client::MalformedAnswer) { blob.read }
    end
  end

  def test_one_is_copied_by_the_means_of_ruby
    server = script { Scripted.ok("0123456789".b * 20_000, type: "a/b") }
    made = Tempfile.new("hyperglyph-test", binmode: true)
    assert_equal 200_000, IO.copy_stream(client.get(server.url).io, made)
    assert_equal 200_000, made.tap(&:flush).size
  ensure
    made&.close!
  end

  def test_one_inside_a_message_and_back
    server = pages("/" => resource({ "f" => form("f", "a"), "b" => Hyperglyph::Blob.new("abc", content_type: "a/b", attributes: { "url" => "files/1" }) }),
                   "/f" => ->(request) { Hyperglyph.load(request.body)["a"] })
    root = client.get(server.url)
    assert_equal ["abc", server.url("/files/1")], [root.b.read, root.b["url"]]
    back = root.f(root.b)
    assert_equal ["abc", server.url("/files/1"), "a/b"], [back.read, back["url"], back.content_type]
  end
end
