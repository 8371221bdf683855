# frozen_string_literal: true

module Hyperglyph
  module Server
    # One message: makes extensions of objects (chapter 14), each resource after the first of its profile partial
    # where that was asked for (section 20.1).
    class Page
      # Containers within containers, far from where Ruby's stack ends: an object that holds itself ends here.
      DEEPEST = 200

      # Octets of the blobs in it, or nil if that of one is not known.
      attr_reader :blob_octets

      # base: the path of the service, without a slash at its end. partial: whether partial resources may be sent.
      def initialize(router, base, partial: false)
        @router = router
        @base = base
        @partial = partial
        @full = {}
        @depth = 0
        @blobs = 0
        @blob_octets = 0
      end

      def blobs?
        @blobs.positive?
      end

      # What stands for a value in a message. Raises ArgumentError for an object of a class that is not registered.
      def render(value)
        case value
        when Resource then deeper { resource(value) }
        when Array then deeper { value.map { |item| render(item) } }
        when OrderedHash then deeper { value.each_with_object(OrderedHash.new) { |(key, item), to| to[key] = render(item) } }
        when Hash then deeper { value.transform_values { |item| render(item) } }
        when Extension then deeper { extension(value) }
        when Blob then blob(value)
        else value
        end
      end

      # The page of the service itself.
      def root
        members = @router.actions.each_value.to_h do |action|
          [action.name, element(action, nil)]
        end
        Extension.new("resource", { "url" => "#{@base}/", "name" => @router.name, "profile" => @router.name }, members)
      end

      # The URL of an instance: its reference.
      def url_of(instance)
        description = @router.description_of(instance)
        reference = @router.references.sign(description.name, description.state(instance))
        url = "#{@base}/#{Page.segment(description.name)}/#{reference}/"
        return url if url.bytesize <= Request::MAX_URL

        raise ArgumentError, "the state of a #{description.name} makes a URL of #{url.bytesize} octets: keep it " \
                             "elsewhere, under a name"
      end

      # The version of an instance: of its data, without its forms (REQ-COND-5). Quoted, as it stands in a head.
      def tag_of(instance)
        description = @router.description_of(instance)
        data = Page.new(@router, @base).data(description, instance)
        Page.tag(Codec.encode([description.name, data], canonical: true))
      end

      # The strong entity tag of octets (REQ-COND-1).
      def self.tag(octets)
        "\"#{OpenSSL::Digest::SHA256.hexdigest(octets)[0, 32]}\""
      end

      # A name as one segment of a path; a colon is encoded, so that it reads as no scheme (REQ-URL-7).
      def self.segment(name)
        HTTP::Forms.percent_encode(name)
      end

      # Members that are data: attributes, and what is embedded. Blobs in them are told by what they are, not read.
      def data(description, instance)
        description.attributes.to_h { |name| [name.to_s, render(instance.public_send(name))] }
      end

      private

      def resource(instance)
        description = @router.description_of(instance)
        attributes = { "url" => url_of(instance), "name" => description.name, "profile" => description.name }
        if @partial && @full[description.name] && description.uniform?
          attributes["partial"] = true
          return Extension.new("resource", attributes, data(description, instance).merge(embedded(description, instance)))
        end
        @full[description.name] = true
        members = data(description, instance)
        Extension.new("resource", attributes, members.merge(elements(description, instance)))
      end

      def elements(description, instance)
        tag = tag_of(instance) unless description.uniform?
        description.actions.each_value.to_h do |action|
          [action.name, element(action, instance, tag)]
        end
      end

      def embedded(description, instance)
        description.actions.each_value.select(&:embed?).to_h { |action| [action.name, element(action, instance)] }
      end

      # A link whose content was refused is one without: the rest of the page stays of use.
      def element(action, instance, tag = nil)
        action.element(tag) { render(action.call(instance, [], {})) }
      rescue Failure
        Extension.new("link", { "url" => Page.segment(action.name) }, nil)
      end

      def extension(value)
        content = render(value.content)
        content.equal?(value.content) ? value : Extension.decoded(value.name, value.attributes, content)
      end

      def blob(value)
        @blobs += 1
        @blob_octets &&= value.size && (@blob_octets + value.size)
        value
      end

      def deeper
        @depth += 1
        raise ArgumentError, "more than #{DEEPEST} containers in each other: does an object hold itself?" if
          @depth > DEEPEST

        yield
      ensure
        @depth -= 1
      end
    end
  end
end
