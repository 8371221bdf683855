# frozen_string_literal: true

require_relative "../helper"

class ValuesTest < Minitest::Test
  Duration = Hyperglyph::Duration
  Period = Hyperglyph::Period
  Extension = Hyperglyph::Extension
  OrderedHash = Hyperglyph::OrderedHash
  Bytes = Hyperglyph::Bytes

  def test_durations
    span = Duration.new(weeks: 1, days: 2, hours: -1, minutes: 90, seconds: 1.5, microseconds: 7)
    assert_equal Rational(span.microseconds, 1_000_000), span.to_r
    assert_equal 9 * 86_400 + 1_800 + 1.500007, span.to_f
    assert_equal "P0Y0M9DT0H30M1.500007S", span.to_s
    assert_equal "-P0Y0M9DT0H30M1.500007S", (-span).to_s
    assert_equal Duration.new(hours: 3), Duration.new(hours: 1) + Duration.new(hours: 2)
    assert_equal Duration.new(hours: -1), Duration.new(hours: 1) - Duration.new(hours: 2)
    assert_equal [Duration.new(seconds: -1), Duration.new, Duration.new(days: 1)],
                 [Duration.new(days: 1), Duration.new, Duration.new(seconds: -1)].sort
    assert_raises(TypeError) { span + 1 }
    assert_raises(TypeError) { span - 1 }
    assert Duration.new.zero?
    assert span.frozen?
    assert_equal({ Duration.new(hours: 24) => 1 }, { Duration.new(days: 1) => 1 })
    refute_equal Duration.new, 0
    assert_equal "#<Hyperglyph::Duration P0Y0M1DT0H0M0S>", Duration.new(days: 1).inspect
    assert_equal Time.utc(2020, 1, 2), Time.utc(2020, 1, 1) + Duration.new(days: 1).to_r
  end

  def test_what_is_below_a_microsecond_is_cut
    assert_equal 1, Duration.new(seconds: 19r / 10_000_000).microseconds
    assert_equal(-1, Duration.new(seconds: -19r / 10_000_000).microseconds)
    assert_equal 100_000, Duration.new(seconds: 0.1).microseconds
  end

  def test_the_range_of_durations
    largest = { days: 999_999_999, hours: 23, minutes: 59, seconds: 59, microseconds: 999_999 }
    assert_equal "P0Y0M999999999DT23H59M59.999999S", Duration.new(**largest).to_s
    assert_raises(RangeError) { Duration.new(**largest, microseconds: 1_000_000) }
    assert_equal "-P0Y0M999999999DT0H0M0S", Duration.new(days: -999_999_999).to_s
    assert_raises(RangeError) { Duration.new(days: -999_999_999, microseconds: -1) }
  end

  def test_periods
    period = Period.new(years: 1, months: 14, days: 2, seconds: 0.5)
    assert_equal "P1Y14M2DT0H0M0.500000S", period.to_s
    assert_equal [1, 14, Duration.new(days: 2, seconds: 0.5)], [period.years, period.months, period.rest]
    assert period.frozen?
    assert_equal "-P1Y0M0DT0H0M1S", Period.new(years: -1, rest: Duration.new(seconds: -1)).to_s
    refute_equal Period.new(years: 1), Period.new(months: 12)
    refute_equal Period.new(years: 1), Duration.new(days: 365)
    assert_equal({ Period.new(months: 1) => 1 }, { Period.new(months: 1, days: 0) => 1 })
    assert_equal "#<Hyperglyph::Period -P0Y1M0DT0H0M0S>", Period.new(months: -1).inspect
    assert_raises(ArgumentError) { Period.new(days: 1) }
    assert_raises(ArgumentError) { Period.new(years: 1, months: -1) }
    assert_raises(ArgumentError) { Period.new(years: 1, days: -1) }
    assert_raises(ArgumentError) { Period.new(years: 1, rest: Duration.new, days: 1) }
    assert_raises(ArgumentError) { Period.new(years: 1.5r.to_s) }
    assert_raises(RangeError) { Period.new(years: 1_000_000_000) }
    assert_raises(RangeError) { Period.new(months: -1_000_000_000) }
  end

  def test_ordered_hashes
    one = OrderedHash["a", 1, "b", 2]
    other = OrderedHash["b", 2, "a", 1]
    refute_equal one, other
    refute one.eql?(other)
    assert_equal one, OrderedHash["a", 1, "b", 2]
    assert_equal one.hash, OrderedHash["a", 1, "b", 2].hash
    assert_equal one, { "b" => 2, "a" => 1 }
    refute one.eql?({ "a" => 1, "b" => 2 })
    assert_match(/OrderedHash/, one.inspect)
  end

  def test_bytes
    assert_equal Bytes.new("a"), Bytes.new("a".b)
    refute_equal Bytes.new("a"), "a".b
    assert_equal 2, { "a" => 1, Bytes.new("a") => 2 }.size
    assert_equal "xa", "x".b + Bytes.new("a")
    assert_equal Encoding::BINARY, Bytes.new("é").b.encoding
    assert Bytes.new("a").frozen?
    assert_equal '#<Hyperglyph::Bytes "\\xFF">', Bytes.new("\xff".b).inspect
    text = +"a"
    octets = Bytes.new(text)
    text << "b"
    assert_equal "a", octets.to_s
  end

  def test_extensions
    extension = Extension.new(:x, { a: 1, "b" => 2 }, [1])
    assert_equal ["x", { "a" => 1, "b" => 2 }, [1]], [extension.name, extension.attributes, extension.content]
    assert_equal 1, extension[:a]
    assert extension.frozen?
    assert extension.attributes.frozen?
    assert_equal Extension.new("x", { "b" => 2, "a" => 1 }, [1]), extension
    assert_equal Extension.new("x", { "a" => 1, "b" => 2 }, [1]).hash, extension.hash
    assert extension.eql?(Extension.new("x", { "a" => 1, "b" => 2 }, [1]))
    refute_equal Extension.new("x", OrderedHash["a", 1, "b", 2], [1]), extension
    refute_equal Extension.new("y", extension.attributes, [1]), extension
    refute_equal Extension.new("x", extension.attributes, [2]), extension
    refute_equal Extension.new("x"), "x"
    assert_match(/\A#<Hyperglyph::Extension x .*\[1\]>\z/, extension.inspect)
    assert_raises(ArgumentError) { Extension.new("x", { :a => 1, "a" => 2 }) }
  end

  def test_names_and_attributes_of_others_are_left_as_they_were
    name = +"x"
    attributes = { "a" => 1 }
    extension = Extension.new(name, attributes)
    name << "y"
    attributes["b"] = 2
    assert_equal ["x", { "a" => 1 }], [extension.name, extension.attributes]
  end

  def test_reserved_names
    Extension::RESERVED.each do |name|
      assert_raises(ArgumentError) { Extension.new(name) }
      assert_equal name, Hyperglyph.load("Xu#{name.size}:#{name};D;N;;").name
    end
    assert_equal 19, Extension::RESERVED.size
  end

  def test_limits
    assert_equal [100, 2_000_000, 16], [Hyperglyph::Limits.new.depth, Hyperglyph::Limits.new.nodes, Hyperglyph::Limits.new.blobs]
    assert_equal [250_000, 4 << 20, 5], [Hyperglyph::Limits.server.nodes, Hyperglyph::Limits.server.octets, Hyperglyph::Limits.server(depth: 5).depth]
    assert Hyperglyph::Limits.new.frozen?
    [{ deep: 1 }, { depth: 501 }, { nodes: -1 }, { nodes: 1.5 }, { nodes: nil }].each do |wrong|
      assert_match(/#{wrong.keys[0]}/, assert_raises(ArgumentError) { Hyperglyph::Limits.new(**wrong) }.message)
    end
  end

  # A message that just fits into a limit, and one that does not; the offset of the second's fault.
  LIMITS = {
    depth: [2, "LL;;", "LLL;;;", 2], nodes: [5, "Si1;;", "Li1;i2;i3;i4;i5;;", 13],
    octets: [6, "u2:ab;", "Li1;u2:ab;;", 4], digits: [3, "i-123;", "i1234;", 0], hexadecimal: [5, "f0x1p0;", "f0x1p00;", 0],
    decimal: [3, "f1.5;", "f1.55;", 0], datetime: [20, "d2020-01-02T03:04:05Z;", "d2020-01-02T03:04:05.Z;", 0],
    timedelta: [4, "pPT1S;", "pPT12S;", 0], white_space: [2, " N; ", " N;  ", 4], blobs: [1, "B0:D;;c0;", "LB0:D;;B1:D;;;c0;c1;", 7],
    blob_octets: [2, "B0:D;;c0:1:a;c0:1:b;c0;", "B0:D;;c0:1:a;c0:2:bc;c0;", 13], integer_keys: [2, "Si1;i2;;", "Si1;i2;i3;;", 7]
  }.freeze

  LIMITS.each do |name, (limit, within, beyond, at)|
    define_method("test_limit_of_#{name}") do
      limits = Hyperglyph::Limits.new(name => limit)
      [nil, 1, 3].each do |size|
        assert_nil Vectors.fault(within, size, limits: limits)
        assert_equal ["limit", at], Vectors.fault(beyond, size, limits: limits)
      end
      assert_nil Vectors.fault(beyond) unless name == :datetime
    end
  end

  def test_the_limit_of_keys_holds_for_dicts_and_counts_texts_too
    limits = Hyperglyph::Limits.new(integer_keys: 2)
    assert_nil Vectors.fault("Di1;N;i2;N;;", limits: limits)
    assert_equal ["limit", 11], Vectors.fault("Di1;N;i2;N;i3;N;;", limits: limits)
    assert_equal ["limit", 12], Vectors.fault("Du;N;u1:a;N;i3;N;;", limits: limits)
    assert_nil Vectors.fault("Du;N;u1:a;N;u1:b;N;;", limits: limits)
  end

  def test_nodes_of_each_kind
    { "i1;" => 1, "u;" => 1, "f1;" => 1, "N;" => 1, "pP1D;" => 1, "L;" => 1, "S;" => 4, "D;" => 4, "O;" => 4, "Xu1:x;D;N;;" => 10, "B0:D;;c0;" => 8,
      "Si1;;" => 5, "Du1:a;i1;;" => 6 }.each do |wire, nodes|
      assert_nil Vectors.fault(wire, limits: Hyperglyph::Limits.new(nodes: nodes))
      assert_equal "limit", Vectors.fault(wire, limits: Hyperglyph::Limits.new(nodes: nodes - 1))[0], wire
      assert Hyperglyph::Codec.encode(Hyperglyph.load(wire), limits: Hyperglyph::Limits.new(nodes: nodes))
      assert_raises(Hyperglyph::Codec::EncodeError, wire) do
        Hyperglyph::Codec.encode(Hyperglyph.load(wire), limits: Hyperglyph::Limits.new(nodes: nodes - 1))
      end
    end
  end

  def test_that_each_limit_is_tried
    assert_equal Hyperglyph::Limits::DEFAULTS.keys.sort, LIMITS.keys.sort
  end
end
