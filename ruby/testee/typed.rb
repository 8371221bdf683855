# frozen_string_literal: true

require "hyperglyph"

# Typed values, as spec/README.md has them, to and from Ruby.
#
# Values are built without the codec, so that it is not asked about itself.
module Typed
  # The language cannot hold this value.
  class Unsupported < StandardError; end

  TIMEDELTA = /\A(-?)P(\d+)Y(\d+)M(\d+)DT(\d+)H(\d+)M(\d+)(?:\.(\d{6}))?S\z/
  FLOAT = /\A(-?)0x([01])\.(\h+)p([+-]\d+)\z/

  module_function

  # The Ruby value of a typed one, a parsed JSON object. A type that is not in spec/README.md is given
  # to the block. Unsupported for what Ruby cannot hold; ArgumentError and RangeError for what this gem
  # refuses to build. `keyed`: it is a key or an item of a set, or in one.
  def build(typed, keyed: false, &other)
    case typed["type"]
    when "nil" then nil
    when "true" then true
    when "false" then false
    when "integer" then Integer(typed["value"], 10)
    when "float" then float(typed["value"])
    when "unicode" then text(typed)
    when "bytearray" then keyed ? Hyperglyph::Bytes.new(octets(typed)) : octets(typed)
    when "datetime" then time(typed["value"])
    when "timedelta" then timedelta(typed["value"])
    when "list" then items(typed, keyed, &other)
    when "set" then set(typed, &other)
    when "dict" then hash({}, typed, &other)
    when "ordered_dict" then hash(Hyperglyph::OrderedHash.new, typed, &other)
    when "extension"
      attributes = build(typed["attributes"], &other)
      Hyperglyph::Extension.decoded(typed["name"].dup, attributes, build(typed["content"], &other))
    when "blob" then blob(typed, &other)
    else
      raise Unsupported, "the type #{typed['type']}" unless other

      yield typed
    end
  end

  # The typed value of a Ruby one. The block, if there is one, is given each value first, and answers
  # nil or a typed value.
  def describe(value, &other)
    special = other && yield(value)
    return special if special

    case value
    when nil then { "type" => "nil" }
    when true then { "type" => "true" }
    when false then { "type" => "false" }
    when Integer then { "type" => "integer", "value" => value.to_s }
    when Float then { "type" => "float", "value" => spell(value) }
    when Symbol then describe(value.name)
    when String
      value.encoding == Encoding::BINARY ? hex(value) : { "type" => "unicode", "value" => value.encode("UTF-8") }
    when Hyperglyph::Bytes then hex(value.to_str)
    when Time then { "type" => "datetime", "value" => value.getutc.strftime(value.usec % 1000 == 0 ? "%FT%T.%LZ" : "%FT%T.%6NZ") }
    when Hyperglyph::Duration, Hyperglyph::Period then { "type" => "timedelta", "value" => value.to_s }
    when Array then { "type" => "list", "items" => value.map { |item| describe(item, &other) } }
    when Set then { "type" => "set", "items" => value.map { |item| describe(item, &other) } }
    when Hash
      pairs = value.map { |key, member| [describe(key, &other), describe(member, &other)] }
      { "type" => value.is_a?(Hyperglyph::OrderedHash) ? "ordered_dict" : "dict", "pairs" => pairs }
    when Hyperglyph::Extension
      { "type" => "extension", "name" => value.name, "attributes" => describe(value.attributes, &other),
        "content" => describe(value.content, &other) }
    when Hyperglyph::Blob
      { "type" => "blob", "attributes" => describe(value.attributes, &other), "hex" => value.read.unpack1("H*") }
    else raise TypeError, "no typed value for #{value.class}"
    end
  end

  def hex(octets)
    { "type" => "bytearray", "hex" => octets.unpack1("H*") }
  end

  def text(typed)
    return typed["codepoints"].map { |point| point.to_i(16) }.pack("U*") if typed.key?("codepoints")

    typed.key?("repeat") ? typed["repeat"] * typed["times"] : typed["value"].dup
  end

  def octets(typed)
    typed.key?("repeat") ? [typed["repeat"]].pack("H*") * typed["times"] : [typed["hex"]].pack("H*")
  end

  def float(spelling)
    case spelling
    when "nan" then 0.0 / Float("0") # each time another object, as a program may have them
    when "inf" then Float::INFINITY
    when "-inf" then -Float::INFINITY
    else
      _, sign, whole, fraction, exponent = *FLOAT.match(spelling)
      number = Math.ldexp((whole + fraction).to_i(16), exponent.to_i - (4 * fraction.size))
      sign == "-" ? -number : number
    end
  end

  def spell(float)
    return "nan" if float.nan?
    return float.positive? ? "inf" : "-inf" if float.infinite?

    bits = [float].pack("G").unpack1("Q>")
    sign = bits[63] == 1 ? "-" : ""
    exponent = bits >> 52 & 0x7ff
    fraction = bits & ((1 << 52) - 1)
    return "#{sign}0x0.0p+0" if exponent.zero? && fraction.zero?

    format("%s0x%d.%013xp%+d", sign, exponent.zero? ? 0 : 1, fraction, exponent.zero? ? -1022 : exponent - 1023)
  end

  def time(spelling)
    raise Unsupported, "a Time without a zone" unless spelling.end_with?("Z")

    Time.utc(*spelling.scan(/\d+/).first(6).map(&:to_i), spelling[/\.(\d+)/, 1].ljust(6, "0").to_i)
  end

  def timedelta(spelling)
    _, sign, *parts = *TIMEDELTA.match(spelling)
    sign = sign == "-" ? -1 : 1
    years, months, days, hours, minutes, seconds, micro = parts.map { |part| sign * part.to_i }
    rest = { days: days, hours: hours, minutes: minutes, seconds: seconds, microseconds: micro }
    return Hyperglyph::Duration.new(**rest) if years.zero? && months.zero?

    Hyperglyph::Period.new(years: years, months: months, **rest)
  end

  def items(typed, keyed, &other)
    return Array.new(typed["times"]) { build(typed["repeat"], keyed: keyed, &other) } if typed.key?("repeat")

    typed["items"].map { |item| build(item, keyed: keyed, &other) }
  end

  # What Ruby holds equal is kept all the same: the encoder shall judge it.
  def set(typed, &other)
    items = typed["items"].map { |item| build(item, keyed: true, &other) }
    set = Set.new(items)
    set.size == items.size ? set : Set.new.compare_by_identity.merge(items)
  end

  def hash(empty, typed, &other)
    pairs = typed["pairs"].map { |key, value| [build(key, keyed: true, &other), build(value, &other)] }
    empty.compare_by_identity if pairs.map(&:first).uniq.size < pairs.size
    pairs.each { |key, value| empty[key] = value }
    empty
  end

  def blob(typed, &other)
    spool = Hyperglyph::Blob::Spool.new
    spool.write(octets(typed))
    spool.done
    Hyperglyph::Blob.decoded(build(typed["attributes"], &other), spool)
  end
end
