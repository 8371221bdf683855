# frozen_string_literal: true

require_relative "../helper"

class BlobTest < Minitest::Test
  Blob = Hyperglyph::Blob
  Codec = Hyperglyph::Codec

  # Gives what is written and keeps how large the pieces were.
  class Sink
    attr_reader :octets, :largest

    def initialize
      @octets = "".b
      @largest = 0
    end

    def write(piece)
      @largest = [@largest, piece.bytesize].max
      @octets << piece
    end
  end

  # Reads three octets at a time, and cannot be rewound.
  class Trickle
    def initialize(octets)
      @octets = octets
    end

    def read(size = nil)
      @octets.empty? ? nil : @octets.slice!(0, [size || 3, 3].min)
    end
  end

  def blob(content, **attributes)
    Blob.new(content, content_type: "text/plain", attributes: attributes)
  end

  def test_its_own_words
    text = blob("héllo", url: "/a")
    assert_equal({ "content-type" => "text/plain", "url" => "/a" }, text.attributes)
    assert_equal ["text/plain", "/a", 6], [text.content_type, text[:url], text.size]
    assert_equal "héllo".b, text.read
    assert_equal Encoding::BINARY, text.read.encoding
    assert_equal "héllo".b, text.io.read
    assert_equal text, blob("héllo", url: "/a")
    refute_equal text, blob("hello", url: "/a")
    refute_equal text, blob("héllo")
    assert_equal ["h"], blob("h").each_chunk.to_a
    assert_equal ["#<Hyperglyph::Blob text/plain 1 octets>", "#<Hyperglyph::Blob text/plain ? octets>"],
                 [blob("h").inspect, blob(Trickle.new(+"h")).inspect]
    assert_raises(ArgumentError) { Blob.new("x", content_type: nil) }
    assert_raises(ArgumentError) { Blob.new("x") }
    assert_raises(TypeError) { blob(1) }
  end

  def test_without_a_content_type
    assert_equal "application/octet-stream", Hyperglyph.load("B0:D;;c0;").content_type
    assert_equal "application/octet-stream", Hyperglyph.load("B0:Du12:content-type;i1;;;c0;").content_type
    assert_equal "B0:D;;c0;", Hyperglyph.dump(Hyperglyph.load("B0:D;;c0;"))
  end

  def test_layout
    assert_equal "B0:Du12:content-type;u10:text/plain;;;c0:65536:#{'x' * 65_536};c0:1:x;c0;", Hyperglyph.dump(blob("x" * 65_537))
    assert_equal "B0:Du12:content-type;u10:text/plain;;;c0:65536:#{'x' * 65_536};c0;", Hyperglyph.dump(blob("x" * 65_536))
    same = blob("a")
    assert_equal "LB0:Du12:content-type;u10:text/plain;;;B1:Du12:content-type;u10:text/plain;;;;c0:1:a;c0;c1:1:a;c1;", Hyperglyph.dump([same, same])
  end

  def test_streams
    assert_equal Hyperglyph.dump(blob("x" * 70_000)), Hyperglyph.dump(blob(StringIO.new("x" * 70_000)))
    assert_equal Hyperglyph.dump(blob("x" * 70_000)), Hyperglyph.dump(blob(Trickle.new(+"x" * 70_000)))
    from = StringIO.new("header, content")
    from.seek(8)
    read = blob(from)
    2.times { assert_equal Hyperglyph.dump(blob("content")), Hyperglyph.dump(read) }
    assert_equal 7, read.size
    assert_nil blob(Trickle.new(+"")).size
    reader, writer = IO.pipe
    writer << "piped"
    writer.close
    assert_equal "piped", Hyperglyph.load(Hyperglyph.dump(blob(reader))).read
  ensure
    reader&.close
  end

  def test_nothing_is_held_while_a_blob_is_written
    Tempfile.create("content", binmode: true) do |file|
      file << "0123456789" * 500_000
      file.rewind
      sink = Sink.new
      Codec.encode_to(sink, blob(file))
      assert_operator sink.largest, :<=, 65_536
      assert_equal 5_000_000, Codec.decode(sink.octets).size
    end
  end

  def test_large_ones_are_read_into_a_file_without_a_name
    content = "0123456789" * 300_000
    wire = Hyperglyph.dump(["first", blob(content), blob("small")])
    before = Dir.children(Dir.tmpdir).grep(/\Ahyperglyph/)
    value = Codec.decode(StringIO.new(wire))
    assert_equal before, Dir.children(Dir.tmpdir).grep(/\Ahyperglyph/)
    assert_instance_of Tempfile, value[1].io
    assert_instance_of StringIO, value[2].io
    2.times { assert_equal content, value[1].read }
    assert_equal 3_000_000, value[1].size
    assert_equal wire, Hyperglyph.dump(value)
    value[1].close
    assert_raises(IOError) { value[1].read }
  end

  def test_octets_by_octets
    wire = "LB1:Du12:content-type;u3:a/b;;;B0:D;;;c0:1:x;c1:2:yz;c0;c01:0:;c1;"
    [1, 2, 5, 1000].each do |size|
      value = Vectors.decode(wire, size)
      assert_equal %w[yz x], value.map(&:read)
    end
  end

  def test_files_of_messages_that_fail_are_closed
    wire = "B0:D;;c0:2000000:#{'x' * 2_000_000};c1;"
    files = -> { ObjectSpace.each_object(Tempfile).count { |file| !file.closed? } }
    GC.start
    before = files.call
    assert_equal "malformed", Vectors.fault(wire)[0]
    assert_equal "truncated", Vectors.fault(wire.byteslice(0, 1_500_000))[0]
    assert_equal before, files.call
  end

  def test_a_content_that_turns_out_too_long
    limits = Hyperglyph::Limits.new(blob_octets: 5)
    assert_raises(Codec::EncodeError) { Codec.encode(blob("abcdef"), limits: limits) }
    assert_raises(Codec::EncodeError) { Codec.encode(blob(Trickle.new(+"abcdef")), limits: limits) }
    assert Codec.encode(blob(Trickle.new(+"abcde")), limits: limits)
  end

  def test_the_limit_of_octets_counts_heads_and_no_content
    limits = Hyperglyph::Limits.new(octets: 40)
    head = "B0:D;;"
    [nil, 1, 5].each do |size|
      assert_equal 3_000, Vectors.decode("#{head}c0:1000:#{'x' * 1000};c0:2000:#{'x' * 2000};c0;", size, limits: limits).size
      assert_equal ["limit", 36], Vectors.fault("#{head}#{'c0:0:;' * 100}c0;", size, limits: limits)
      assert_equal ["limit", 1], Vectors.fault("Lb50:#{'x' * 50};;", size, limits: limits)
      assert_equal ["limit", 1], Vectors.fault("Lb50:x", size, limits: limits)
      assert_equal ["limit", 37], Vectors.fault("L#{'N;' * 18}N;F;;", size, limits: Hyperglyph::Limits.new(octets: 38))
      assert_nil Vectors.fault("L#{'N;' * 18};", size, limits: Hyperglyph::Limits.new(octets: 38))
    end
  end

  def test_memory_stays_small
    limits = Hyperglyph::Limits.new(blob_octets: 1 << 30)
    decoder = Codec::Decoder.new(limits: limits)
    decoder.feed("B0:D;;")
    piece = "c0:65536:#{'x' * 65_536};"
    GC.start
    before = resident
    2_000.times { decoder.feed(piece) }
    decoder.feed("c0;")
    # Ruby collects garbage when 32 MiB of it have come together.
    assert_operator resident - before, :<, 64 << 20
    assert_equal 131_072_000, decoder.finish.size
  end

  private

  def resident
    File.read("/proc/self/statm").split[1].to_i * 4096
  rescue Errno::ENOENT
    skip "there is no /proc here"
  end
end
