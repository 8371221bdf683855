# frozen_string_literal: true

require "date"
require_relative "../helper"

class EncoderTest < Minitest::Test
  Codec = Hyperglyph::Codec

  # Octets are compared: a message is one spelling.
  def assert_wire(wire, value, **options)
    written = Codec.encode(value, **options)
    assert_equal Encoding::BINARY, written.encoding
    assert_equal wire.b, written
  end

  def refused(value, **options)
    error = assert_raises(Codec::EncodeError) { Codec.encode(value, **options) }
    assert_equal :unencodable, error.kind
    assert_raises(Codec::EncodeError) { Codec.encode(value, canonical: true, **options) }
    error
  end

  def test_scalars
    {
      nil => "N;", true => "T;", false => "F;", 0 => "i0;", -12 => "i-12;", 10**30 => "i1#{'0' * 30};", "" => "u;", "é" => "u2:é;",
      "\xff".b => "b1:\xff;", abc: "u3:abc;", 1.5 => "f0x1.8000000000000p+0;", -0.0 => "f-0x0.0p+0;",
      Float::INFINITY => "finf;", -Float::INFINITY => "f-inf;", Float::NAN => "fnan;", 5e-324 => "f0x0.0000000000001p-1022;",
      Float::MAX => "f0x1.fffffffffffffp+1023;", Float::MIN => "f0x1.0000000000000p-1022;", 1.0.next_float => "f0x1.0000000000001p+0;",
      Hyperglyph::Duration.new(seconds: -1.5) => "p-P0Y0M0DT0H0M1.500000S;", Hyperglyph::Period.new(years: 1, hours: 25) => "pP1Y0M1DT1H0M0S;",
      Hyperglyph::Bytes.new("a") => "b1:a;"
    }.each { |value, wire| assert_wire(wire, value) }
  end

  def test_empty_ones
    assert_wire "Lu;u;b;b;;", ["", :"", "".b, Hyperglyph::Bytes.new("")]
  end

  def test_other_encodings_become_utf8
    assert_wire "u1:a;", "a".encode("US-ASCII")
    assert_wire "u2:é;", "é".encode("ISO-8859-1")
    assert_wire "u4:💩;", "💩".encode("UTF-16LE")
    assert_match(/UTF-8/, refused("\xff".dup.force_encoding("UTF-8")).message)
    refused("\x81".dup.force_encoding("Windows-31J"))
    refused("\xff".dup.force_encoding("US-ASCII"))
    refused([0xd800].pack("U"))
  end

  def test_text_and_octets_beside_each_other
    assert_wire "Lu2:é;b1:\xff;u2:é;b1:a;;", ["é", "\xff".b, "é", "a".b]
    assert_wire "Db1:\xff;u2:é;u2:é;b2:\xc3\xa9;;", { "\xff".b => "é", "é" => "é".b }
  end

  def test_values_are_left_as_they_were
    octets = "\xff".b
    text = +"é"
    Codec.encode([octets, text, { text => octets }])
    assert_equal Encoding::BINARY, octets.encoding
    assert_equal "é", text
    refute text.frozen?
  end

  def test_times
    assert_wire "d2020-01-02T03:04:05.000Z;", Time.utc(2020, 1, 2, 3, 4, 5)
    assert_wire "d2020-01-02T03:04:05.000001Z;", Time.utc(2020, 1, 2, 3, 4, 5, 1)
    assert_wire "d2020-01-02T01:04:05.500Z;", Time.new(2020, 1, 2, 3, 4, 5.5r, "+02:00")
    assert_wire "d2020-01-02T03:04:05.000001Z;", Time.utc(2020, 1, 2, 3, 4, 5, 1.999r)
    assert_wire "d1969-12-31T23:59:59.999999Z;", Time.at(0, -1, :nsec)
    assert_wire "d0001-01-01T00:00:00.000Z;", Time.utc(1, 1, 1)
    refused(Time.utc(0, 12, 31))
    refused(Time.utc(10_000, 1, 1))
    refused(Time.new(1, 1, 1, 0, 0, 0, "+01:00"))
  end

  def test_date_times
    assert_wire "d2020-01-02T01:04:05.678Z;", DateTime.new(2020, 1, 2, 3, 4, 5.678r, "+02:00")
    # The day before the fifteenth of October 1582 was the fourth, and is the fourteenth here.
    assert_wire "d1582-10-14T00:00:00.000Z;", DateTime.new(1582, 10, 4)
    assert_wire "d1582-10-14T00:00:00.000Z;", DateTime.new(1582, 10, 14, 0, 0, 0, 0, Date::GREGORIAN)
    assert_match(/there is no encoding for Date/, refused(Date.new(2020, 1, 1)).message)
  end

  def test_containers
    assert_wire "Li1;Li2;;D;;", [1, [2], {}]
    assert_wire "Du1:b;i1;u1:a;i2;;", { "b" => 1, a: 2 }
    assert_wire "Du1:a;i2;u1:b;i1;;", { "b" => 1, a: 2 }, canonical: true
    assert_wire "Ou1:b;i1;u1:a;i2;;", Hyperglyph::OrderedHash["b", 1, "a", 2], canonical: true
    assert_wire "SN;i10;i9;u1:a;;", Set["a", 9, nil, 10]
    assert_wire "DLi1;i2;;N;Si1;;T;;", { [1, 2] => nil, Set[1] => true }
  end

  def test_keys_that_are_text
    long = "k" * 100
    records = Array.new(3) { { "" => 1, "short" => 2, long => 3 } }
    assert_wire "L#{"Du;i1;u5:short;i2;u100:#{long};i3;;" * 3};", records
    assert_equal records, Hyperglyph.load(Codec.encode(records, canonical: true))
    many = (0...3_000).to_h { |number| ["key #{number}", number] }
    assert_equal many, Hyperglyph.load(Codec.encode([many, many]))[1]
    refused({ "\xff".dup.force_encoding("UTF-8") => 1 })
    assert_wire "LDb1:a;i1;;Du1:a;i1;;;", [{ "a".b => 1 }, { "a" => 1 }]
  end

  # 500 may be too much for the stack of a Fiber; what comes then is an error like others.
  def test_too_deep_for_the_stack
    limits = Hyperglyph::Limits.new(depth: 500)
    deep = Hyperglyph::Codec.decode("S" * 500 + ";" * 500, limits: limits)
    wire = Fiber.new do
      Codec.encode(deep, limits: limits)
    rescue Codec::EncodeError => e
      e.message
    end.resume
    assert_includes ["S" * 500 + ";" * 500, "containers are too deep for the stack of this Fiber or Thread: encode them outside of it"], wire
  end

  def test_extensions
    assert_wire "Xu4:link;Du3:url;u1:/;;N;;", Hyperglyph::Extension.new("link", { url: "/" })
    assert_wire "Xu1:x;Ou1:b;N;u1:a;N;;i1;;", Hyperglyph::Extension.new(:x, Hyperglyph::OrderedHash["b", nil, "a", nil], 1), canonical: true
    assert_wire "Xu7:integer;D;N;;", Hyperglyph.load("Xu7:integer;D;N;;")
    refused(Hyperglyph::Extension.new("x", { 1 => 2 }))
    refused(Hyperglyph::Extension.new("x", { "a".b => 2 }))
    refused(Hyperglyph::Extension.decoded(1, {}, nil))
    refused(Hyperglyph::Extension.decoded("x", [], nil))
  end

  def test_what_has_no_encoding
    { Object.new => /Object/, 1r => /Rational/, 1i => /Complex/, (1..2) => /Range/, Class => /Class/, BasicObject => /Class/ }.each do |value, words|
      assert_match words, refused(value).message
    end
    assert_equal ["a", 1, { 1 => 2 }.keys[0]], refused({ "a" => [0, { 1 => Object.new }] }).path
    assert_equal ["a", 0], refused({ "a" => [[[]]] }, limits: Hyperglyph::Limits.new(depth: 2)).path
    assert_equal 'there is no encoding for Object, at ["a"][1][1]', refused({ "a" => [0, { 1 => Object.new }] }).message
  end

  def test_what_can_be_no_key
    [{}, Hyperglyph::OrderedHash.new, Hyperglyph::Extension.new("x"), Hyperglyph::Blob.new("", content_type: "a/b")].each do |value|
      [value, [value], [[value]], Set[value], [Set[value]]].each do |key|
        refused({ key => 1 })
        refused(Set[key])
      end
    end
  end

  def test_two_keys_of_ruby_that_are_one_here
    refused({ :a => 1, "a" => 2 })
    refused(Set[:a, "a"])
    refused({ "a".b => 1, Hyperglyph::Bytes.new("a") => 2, "b" => 1 })
    refused(Set[Time.utc(2020), Time.utc(2020, 1, 1, 0, 0, 0, 0.5r)])
    refused({ [:a] => 1, ["a"] => 2 })
    refused({ 0.0 / Float("0") => 1, -(0.0 / Float("0")) => 2 })
    twice = {}.compare_by_identity
    twice[+"a"] = 1
    twice[+"a"] = 2
    refused(twice)
    refused(Hyperglyph::Extension.decoded("x", { :a => 1, "a" => 2 }, nil))
    changed = [1]
    hash = { changed => 1, [1, 2] => 2 }
    changed << 2
    refused(hash)
  end

  def test_a_value_that_holds_itself
    list = []
    list << list
    assert_match(/deep/, refused(list).message)
    hash = {}
    hash["a"] = hash
    refused(hash)
    refused(Hyperglyph::Extension.new("x", {}, list))
  end

  def test_the_default_limits_leave_room_for_the_floor
    deep = (1..64).reduce(nil) { |value, _| [value] }
    wide = Array.new(9_999, 1)
    large = ["x" * (1 << 20), "x".b * (1 << 20), 10**999]
    [deep, wide, large].each { |value| assert_equal value, Hyperglyph.load(Hyperglyph.dump(value)) }
  end

  def test_what_is_encoded_is_decoded_with_the_same_limits
    random = Random.new(5)
    100.times do
      value = Array.new(random.rand(5)) { [Set[1, nil], { "a" => 1 }, Hyperglyph::Extension.new("x", { a: 1 }), Hyperglyph::Blob.new("", content_type: "a")].sample(random: random) }
      limits = Hyperglyph::Limits.new(nodes: random.rand(60))
      begin
        wire = Codec.encode(value, limits: limits)
        assert_equal value, Codec.decode(wire, limits: limits)
      rescue Codec::EncodeError
        assert_equal "limit", Vectors.fault(Codec.encode(value), limits: limits)[0]
      end
    end
  end

  def test_limits
    { depth: [[[1]]], nodes: [1, 2, 3], octets: "abcdef", digits: 100_000, blobs: [Hyperglyph::Blob.new("", content_type: "a/b")] * 3,
      blob_octets: Hyperglyph::Blob.new("abc", content_type: "a/b") }.each do |limit, value|
      assert_match(/[12] /, refused(value, limits: Hyperglyph::Limits.new(limit => limit == :digits ? 2 : 1)).message.sub(" deep", "  "), limit)
    end
    assert_match(/4300 digits/, refused(10**4300).message)
    assert_match(/4300 digits/, refused(1 << 10_000_000).message)
    assert_wire "i-#{'9' * 4300};", -((10**4300) - 1)
  end

  def test_sink_that_gets_nothing_of_a_value_that_has_no_encoding
    sink = StringIO.new
    assert_raises(Codec::EncodeError) { Codec.encode_to(sink, [1, Object.new]) }
    assert_equal "", sink.string
    assert_same sink, Codec.encode_to(sink, [1])
    assert_equal "Li1;;", sink.string
  end
end
